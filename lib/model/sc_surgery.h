/*
 * Architecture surgery: a trained model, the reference, grows columns for the batches and
 * covariates of a query that it does not know, and only those are trained on the query. So the
 * reference's cells keep their embedding, bit for bit, and a query model can be the next one's
 * reference. Lotfollahi et al. 2022, Nat Biotechnol 40:121 (scArches). Serves any plugin: which
 * axes of a weight grow, and with what, is in the graph.
 *
 * With is_compat it does as scvi-tools 1.4 does, where that differs: columns of batches that the
 * reference knows train too, decoder batch norm and the classifier's do, grown dispersions and
 * embeddings do not, and new columns go to the end of a weight even where covariates follow.
 */
#ifndef SC_SURGERY_H
#define SC_SURGERY_H

#include "sc_cells.h"
#include "sc_net.h"
#include "sc_optimizer.h"

enum { /* parts that scArches freezes */
       SC_UNFREEZE_ALL = 1,
       SC_UNFREEZE_EXPRESSION = 2,          /* the encoder's first layer */
       SC_UNFREEZE_DECODER_FIRST_LAYER = 4, /* scvi-tools: of px_decoder only */
       SC_UNFREEZE_BATCHNORM_ENCODER = 8,
       SC_UNFREEZE_BATCHNORM_DECODER = 16,
       SC_UNFREEZE_CLASSIFIER = 32,
       SC_UNFREEZE_KNOWN_CATEGORIES =
           64 /* columns of batches and covariates that the reference has */
};

typedef struct sc_surgery_opts {
    unsigned unfreeze; /* SC_UNFREEZE_* */
    bool is_compat, freeze_dropout;
    int n_set; /* the model's options that are not the reference's, "name=value" each; lent */
    const char *const *set;
    double min_gene_overlap; /* of queries, and of cells given to the query model */
} sc_surgery_opts;

/*
 * The weights of ref into net, a model of the same variant and options whose dims are ref's or
 * larger and whose own weights are fresh: what has grown stays fresh. Where ref has no columns for
 * its single batch, those of that batch are 0, as if it had always had them (is_compat: fresh).
 * SC_EDATA: net is not such a model.
 */
sc_status sc_surgery_merge(sc_net *net, const sc_net *ref, bool is_compat,
                           sc_err *err) SC_MUST_CHECK;

/* Which runs of net's weights move when it is trained on the query; *n of them in *spans, which the
 * caller frees. */
sc_status sc_surgery_spans(const sc_net *net, const sc_net *ref, const sc_surgery_opts *o,
                           sc_span **spans, int64_t *n, sc_err *err) SC_MUST_CHECK;

/* Frozen batch norm keeps its running statistics in training mode, dropout is off if asked, and
 * gradients outside the spans are not computed: changes net's graph. */
void sc_surgery_quiet(sc_net *net, const sc_surgery_opts *o, const sc_span *spans, int64_t n);

/* How the query's cells are to be read: under the names given (NULL members: the reference's), as
 * cells of what the reference knows. keys lends from names, which lends from ref. SC_EUSAGE: a
 * column for what the reference does not have. */
typedef struct sc_query_names {
    sc_known known;
    const char *cat_covs[SC_IN_MAX];
    const char **cont_covs;
} sc_query_names;
sc_status sc_query_keys(sc_query_names *n, const sc_net *ref, const sc_keys *named,
                        double min_gene_overlap, sc_keys *keys, sc_err *err) SC_MUST_CHECK;
void sc_query_names_free(sc_query_names *n);

/* The query model before training, zeroed before: ref, grown for cells that were read with these
 * keys; what the data decide of it is theirs for what is new. Draws are keyed by seed; *n_empty:
 * see sc_start_weights. */
sc_status sc_query_net(sc_net *net, const sc_net *ref, const sc_cells *c, const sc_surgery_opts *o,
                       uint64_t seed, int64_t *n_empty, sc_err *err) SC_MUST_CHECK;

#endif
