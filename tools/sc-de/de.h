/* Between the files of sc-de: sets of cells, what is compared, and the steps. */
#ifndef DE_H
#define DE_H

#include "sc_condition.h"
#include "sc_de.h"
#include "sc_decode.h"
#include "sc_over.h"

typedef struct de_opts {
    sc_common common;
    sc_over_opts over;
    const char *groupby, *group2, *idx1, *idx2, *batchid1, *batchid2;
    sc_param_list group1, cred_intervals;
    int mode, test_mode;
    double delta, fdr, pseudocounts, protein_prior_count;
    int64_t n_samples_overall, memory;
    bool batch_correction, all_stats;
} de_opts;

enum { DE_MODE_AUTO, DE_MODE_VANILLA, DE_MODE_CHANGE };

/* A draw from the posterior of a cell: of all that are needed of a set, sorted by cell. */
typedef struct de_pick {
    int64_t cell; /* among those of the set, in stream order */
    int64_t slot; /* row of de_set.scale */
    uint32_t draw;
    int batch; /* index into the set's batches */
} de_pick;

typedef struct de_set {
    sc_condition which;
    char *name; /* for messages, and what its draws are keyed by */
    int side;   /* 0, 1: which of the two lists of batches it is drawn for */
    int64_t n_cells;
    int64_t n_draws, n_picks; /* picks: 0 outside of a pass that needs them */
    de_pick *picks;
    int64_t next_pick, next_cell;              /* while a pass goes on */
    float *scale;                              /* n_draws x n_features */
    double *raw_mean, *non_zeros, *normalized; /* n_features; sums while a pass goes on */
    uint8_t *mute;                             /* n_features */
} de_set;

typedef struct de_pair {
    int sets[2];
    const char *names[2]; /* group1 and group2; NULL where conditions chose the cells. Lent. */
} de_pair;

typedef struct de_todo { /* a draw of a row of the block */
    int64_t row, slot;
    uint32_t draw;
    int batch;
} de_todo;

typedef struct de {
    const de_opts *o;
    sc_over s;
    int n_wanted;
    sc_wanted wanted[2];      /* px_scale; proteins, if the model has them */
    sc_batch_list batches[2]; /* n is 0: each cell's own */
    sc_de_rules rules;
    sc_subset genes;          /* those that the data have */
    int32_t *order, *feature; /* feature -> gene of the model, and back (-1) */
    int64_t n_genes, n_features;
    sc_strs levels; /* groups, where each is compared with the rest */
    int n_sets, n_pairs;
    de_set *sets;
    de_pair *pairs;
    bool has_counts;
    uint8_t *holds; /* rows of a block */
    de_todo *todo;
    int64_t n_room, n_todo;
} de;

extern const sc_tool de_tool;

/* Finds sets and pairs, and counts the cells of each; the stream is then at its beginning again. */
sc_status de_find_sets(de *d, sc_err *err) SC_MUST_CHECK;
/* Draws for the sets of pairs [from, to), in one pass. */
sc_status de_draw(de *d, int from, int to, sc_err *err) SC_MUST_CHECK;
/* Frees what de_draw made. */
void de_forget(de *d);
/* How many draws a set on this side gets, and how many for each batch. */
int64_t de_n_draws(const de *d, int side, int64_t *per_batch);
void de_print_head(const de *d);
sc_status de_print(const de *d, const de_pair *p, const sc_de_result *r, sc_err *err) SC_MUST_CHECK;

#endif
