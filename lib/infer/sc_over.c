#include "sc_over.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The model and the cells; the weights last, for then it is known which are needed. */
static sc_status open_inputs(sc_over *s, const char *model, const char *cells,
                             const sc_over_wish *wish, sc_err *err)
{
    sc_net_source *src;
    bool *wanted = NULL;
    sc_status st;
    SC_GOTO(st, sc_net_open(&s->net, &src, model, err), out);
    SC_GOTO(st, sc_reader_open_path(&s->in, cells, err), out);
    SC_GOTO(st, sc_reader_pool(&s->pool, s->in, (int)s->common->n_threads, err), out);
    if (wish) {
        SC_GOTO(st, sc_alloc(&wanted, (size_t)s->net.g->n_weights, sizeof *wanted, err), out);
        SC_GOTO(st, wish->wanted(wish->ctx, s, wanted, err), out);
    }
    st = sc_net_weights(&s->net, src, wanted, s->pool, err);
out:
    free(wanted);
    sc_net_source_close(src);
    return st;
}

sc_status sc_over_open(sc_over *s, const sc_tool *tool, const sc_common *common,
                       const sc_over_opts *opts, bool is_binary, sc_err *err)
{
    return sc_over_open_for(s, tool, common, opts, is_binary, NULL, err);
}

sc_status sc_over_open_for(sc_over *s, const sc_tool *tool, const sc_common *common,
                           const sc_over_opts *opts, bool is_binary, const sc_over_wish *wish,
                           sc_err *err)
{
    const char *model = common->operands[0],
               *cells = common->n_operands > 1 ? common->operands[1] : NULL;
    *s = (sc_over){.tool = tool, .common = common, .opts = opts, .to = {.fd = -1}};
    if (strcmp(model, "-") == 0 && (!cells || strcmp(cells, "-") == 0))
        return sc_fail(err, SC_EUSAGE, "model and cells can't both come from stdin");
    SC_TRY(sc_kernels_pick(opts->isa, &s->kernels, err));
    SC_TRY(sc_output_open(&s->to, common->output, is_binary, err));
    SC_TRY(open_inputs(s, model, cells, wish, err));
    if (is_binary)
        return SC_OK;
    const int fd = dup(s->to.fd);
    s->text = fd < 0 ? NULL : fdopen(fd, "w");
    return s->text ? SC_OK : sc_fail_errno(err, "%s", s->to.name);
}

/* Where it was for lack of counts, says which value is none. */
static sc_status tell_more(const sc_over *s, sc_err *err)
{
    const char *layer = s->opts->layer ? s->opts->layer : s->net.layer;
    sc_err again = {0};
    int mat;
    if (sc_reader_counts(s->in, layer, &mat, NULL, 0, &again) == SC_EDATA &&
        strncmp(again.msg, err->msg, strlen(err->msg)) == 0)
        *err = again;
    return SC_EDATA;
}

static sc_status open_infer(const sc_over *s, sc_infer **x, sc_pool *pool, char *note,
                            size_t note_len, sc_err *err)
{
    const sc_over_opts *o = s->opts;
    const sc_keys keys = {.layer = o->layer,
                          .batch = o->batch_key,
                          .min_gene_overlap = o->min_gene_overlap,
                          .labels = o->labels_key,
                          .size_factor = o->size_factor_key,
                          .n_cat_covs = o->cat_covariates.n,
                          .n_cont_covs = o->cont_covariates.n,
                          .cat_covs = o->cat_covariates.items,
                          .cont_covs = o->cont_covariates.items};
    const sc_status st = sc_infer_open(x, &s->net, sc_reader_header(s->in), &keys, s->nodes,
                                       s->n_nodes, pool, s->kernels, note, note_len, err);
    return st == SC_EDATA ? tell_more(s, err) : st;
}

static sc_status open_hand(const sc_over *s, sc_over_hand *h, char *note, size_t note_len,
                           sc_err *err)
{
    SC_TRY(sc_pool_new(&h->pool, 1, err));
    return open_infer(s, &h->x, h->pool, note, note_len, err);
}

sc_status sc_over_match(sc_over *s, const int32_t *nodes, int n_nodes, sc_err *err)
{
    char note[SC_ERR_MAX] = "";
    s->nodes = nodes;
    s->n_nodes = n_nodes;
    if (s->by_block) {
        SC_TRY(sc_alloc(&s->hands, (size_t)sc_pool_size(s->pool), sizeof *s->hands, err));
        SC_TRY(open_hand(s, &s->hands[0], note, sizeof note, err));
        s->x = s->hands[0].x;
    } else {
        SC_TRY(open_infer(s, &s->x, s->pool, note, sizeof note, err));
    }
    if (note[0])
        sc_cli_note(s->tool, s->common, "%s", note);
    return SC_OK;
}

sc_status sc_over_begin(sc_over *s, sc_header *h, sc_err *err)
{
    if (!s->common->no_pg)
        SC_TRY(sc_header_record(h, s->tool->name, s->common->argc, s->common->argv, err));
    return sc_writer_open(&s->out, s->to.fd, s->to.name, h, err);
}

sc_status sc_over_genes(const sc_over *s, sc_subset *sub, int32_t **order, sc_err *err)
{
    const int64_t n = sc_reader_header(s->in)->var.n_rows;
    const int32_t *to_model = sc_infer_genes(s->x);
    uint8_t *keep = NULL;
    *order = NULL;
    SC_TRY(sc_alloc(&keep, (size_t)n, 1, err));
    for (int64_t j = 0; j < n; j++)
        keep[j] = to_model[j] >= 0;
    sc_status st = sc_subset_new(sub, keep, n, err);
    free(keep);
    if (st == SC_OK)
        st = sc_alloc(order, (size_t)sub->n_new, sizeof **order, err);
    for (int64_t j = 0; st == SC_OK && j < sub->n_new; j++)
        (*order)[j] = to_model[sub->kept[j]];
    return st;
}

sc_status sc_over_each(sc_over *s, sc_status (*one)(void *ctx, sc_block *b, sc_err *err), void *ctx,
                       sc_err *err)
{
    sc_block *b = NULL;
    sc_status st;
    while ((st = sc_reader_next(s->in, &b, err)) == SC_OK) {
        SC_TRY(sc_infer_block(s->x, b, err));
        SC_TRY(one(ctx, b, err));
    }
    return st == SC_END ? SC_OK : st;
}

typedef struct job {
    sc_over *s;
    const sc_over_work *w;
} job;

static sc_status run_block(void *ctx, int tid, sc_block *b, sc_err *err)
{
    const job *j = ctx;
    sc_over_hand *h = &j->s->hands[tid];
    char note[SC_ERR_MAX];
    if (!h->x) /* a thread that gets no block needs none */
        SC_TRY(open_hand(j->s, h, note, sizeof note, err));
    SC_TRY(sc_infer_block(h->x, b, err));
    return j->w->one(j->w->ctx, tid, h->x, b, err);
}

static sc_status turn_block(void *ctx, int tid, sc_block *b, sc_err *err)
{
    const job *j = ctx;
    return j->w->turn ? j->w->turn(j->w->ctx, tid, b, err) : SC_OK;
}

/* A block on all threads, from sc_over_each. */
static sc_status run_alone(void *ctx, sc_block *b, sc_err *err)
{
    const job *j = ctx;
    SC_TRY(j->w->one(j->w->ctx, 0, j->s->x, b, err));
    SC_TRY(turn_block(ctx, 0, b, err));
    return j->s->out ? sc_writer_put(j->s->out, b, err) : SC_OK;
}

sc_status sc_over_blocks(sc_over *s, const sc_over_work *w, sc_err *err)
{
    job j = {s, w};
    const sc_each each = {.work = run_block, .turn = turn_block, .ctx = &j, .most = s->most};
    return s->by_block ? sc_reader_each(s->in, s->out, s->pool, &each, err)
                       : sc_over_each(s, run_alone, &j, err);
}

typedef struct rows_of {
    sc_over *s;
    const sc_over_rows *r;
} rows_of;

static sc_status keep_genes(const rows_of *w, sc_block *b, sc_err *err)
{
    const sc_subset *genes = w->r->genes;
    return genes && genes->n_new < genes->n_old ? sc_subset_block(genes, w->r->kept, b, err)
                                                : SC_OK;
}

static sc_status write_block(void *ctx, int tid, sc_infer *x, sc_block *b, sc_err *err)
{
    const rows_of *w = ctx;
    SC_TRY(keep_genes(w, b, err));
    return w->r->one(w->r->ctx, tid, x, &(sc_piece){0, sc_block_n_rows(b), 0, 1}, b, err);
}

static sc_status write_draws(void *ctx, sc_block *b, sc_err *err)
{
    const rows_of *w = ctx;
    sc_status st = keep_genes(w, b, err);
    for (sc_piece p = {0}; st == SC_OK && sc_repeat_next(&p, sc_block_n_rows(b), w->r->n_draws);) {
        sc_block *rows = NULL;
        st = sc_repeat_block(&rows, b, w->r->kept, &p, err);
        if (st == SC_OK)
            st = w->r->one(w->r->ctx, 0, w->s->x, &p, rows, err);
        if (st == SC_OK)
            st = sc_writer_put(w->s->out, rows, err);
        sc_block_free(rows);
    }
    return st;
}

sc_status sc_over_write(sc_over *s, const sc_over_rows *r, sc_err *err)
{
    rows_of w = {s, r};
    const sc_over_work work = {.one = write_block, .ctx = &w};
    return r->n_draws ? sc_over_each(s, write_draws, &w, err) : sc_over_blocks(s, &work, err);
}

sc_status sc_over_commit(sc_over *s, sc_err *err)
{
    if (s->out)
        SC_TRY(sc_writer_finish(s->out, err));
    if (s->text) {
        const bool is_bad = ferror(s->text) != 0, is_lost = fclose(s->text) != 0;
        s->text = NULL;
        if (is_bad || is_lost)
            return sc_fail_errno(err, "%s", s->to.name);
    }
    return sc_output_commit(&s->to, err);
}

void sc_over_blame(const sc_over *s, sc_status st, sc_err *err)
{
    if (s->in)
        (void)sc_err_name(err, st, sc_reader_name(s->in));
}

void sc_over_close(sc_over *s)
{
    sc_writer_close(s->out);
    for (int k = 0; s->hands && k < sc_pool_size(s->pool); k++) {
        sc_infer_close(s->hands[k].x);
        sc_pool_free(s->hands[k].pool);
    }
    if (!s->hands)
        sc_infer_close(s->x);
    free(s->hands);
    if (s->text)
        (void)fclose(s->text);
    sc_output_abandon(&s->to);
    sc_reader_close(s->in);
    sc_pool_free(s->pool);
    sc_net_free(&s->net);
}
