/*
 * Surgery as scvi-tools does it, on every surgery case of ../shared/parity whose plugin is there:
 * what the query model takes from the reference, what trains, gradients after masking, three steps
 * of Adam, and the latents of query and reference, before and after. And as we do it.
 */
#define PARITY_OF_NETS
#include "parity.h"
#include "sc_surgery.h"

#include <dirent.h>

#define T double
#define S(name) name##_f64
#define TOLERANCE 1e-9
#define TOLERANCE_TERM 1e-9
#define TOLERANCE_GRAD 1e-6
#define TOLERANCE_AFTER 1e-6
#define TOLERANCE_AFTER_Z 1e-6
#include "parity.inc"
#undef T
#undef S
#undef TOLERANCE
#undef TOLERANCE_TERM
#undef TOLERANCE_GRAD
#undef TOLERANCE_AFTER
#undef TOLERANCE_AFTER_Z
#define T float
#define S(name) name##_f32
#define TOLERANCE 1e-5
#define TOLERANCE_TERM 1e-4 /* proteins; the double executor holds the rest to more */
#define TOLERANCE_GRAD 1e-4
#define TOLERANCE_AFTER 1e-4
#define TOLERANCE_AFTER_Z 1e-4
#include "parity.inc"

static void must(sc_status st, const sc_err *err)
{
    if (st != SC_OK)
        fail_msg("%s", err->msg);
}

/* A fresh model of the reference's kind and options, as large as dims say. */
static void fresh(sc_net *net, const sc_net *ref, const sc_dims *dims)
{
    sc_err err = {0};
    must(sc_net_new(net, ref->handle.plugin->name, ref->opts, &err), &err);
    net->dims = *dims;
    must(sc_net_build(net, &err), &err);
    sc_net_init(net, 7);
}

typedef struct mask { /* of a query model's weights */
    float *gate;
    bool *moves, *passes; /* by weight: it moves or decays; some of its gradient passes */
} mask;

static mask mask_of(sc_net *net, const sc_net *ref, const sc_surgery_opts *o)
{
    mask m = {calloc((size_t)net->g->n_params, sizeof(float)),
              calloc((size_t)net->g->n_weights, sizeof(bool)),
              calloc((size_t)net->g->n_weights, sizeof(bool))};
    sc_span *spans = NULL;
    int64_t n = 0;
    sc_err err = {0};
    must(sc_surgery_spans(net, ref, o, &spans, &n, &err), &err);
    sc_surgery_quiet(net, o, spans, n);
    for (int64_t i = 0; i < n; i++) {
        m.moves[spans[i].weight] = true;
        m.passes[spans[i].weight] |= !spans[i].decays_only;
        for (int64_t k = 0; k < spans[i].n && !spans[i].decays_only; k++)
            m.gate[spans[i].from + k] = 1;
    }
    free(spans);
    return m;
}

static void mask_free(mask *m)
{
    free(m->gate);
    free(m->moves);
    free(m->passes);
}

/* How many of the leading columns (rows of an embedding) of a weight are closed, if all of them are
 * and all others open. */
static int64_t closed_columns(const sc_net *net, const sc_gweight *w, const mask *m)
{
    float *v = calloc((size_t)(w->rows * w->cols), sizeof *v);
    sc_exec_export_f32(m->gate, net->g, (int)(w - net->g->weights), v);
    int64_t n = 0;
    while (n < w->cols && v[n] == 0)
        n++;
    for (int64_t i = 0; i < w->rows * w->cols; i++)
        if ((v[i] == 0) != (i % w->cols < n))
            n = -1;
    free(v);
    return n;
}

/* requires_grad and mask of params.tsv. */
static void check_what_trains(const char *dir, const sc_net *net, const mask *m)
{
    char path[1200], line[512], name[256], kind[16], shape[64], how[32];
    long count, req;
    (void)snprintf(path, sizeof path, "%s/train/params.tsv", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%255[^\t]\t%15[^\t]\t%63[^\t]\t%ld\t%ld\t%31[^\t]", name, kind, shape,
                   &count, &req, how) != 6)
            fail_msg("%s: can't read '%s'", path, line);
        const int w = sc_graph_weight(net->g, name);
        if (w < 0 || strcmp(kind, "param") != 0 || strcmp(how, "unused") == 0)
            continue;
        const int64_t cols = net->g->weights[w].cols,
                      closed = closed_columns(net, &net->g->weights[w], m);
        long last = 0;
        if (m->moves[w] != (req != 0) ||
            (strcmp(how, "zero") == 0 && (m->passes[w] || closed != cols)) ||
            (strcmp(how, "full") == 0 && closed != 0) ||
            (sscanf(how, "lastcols:%ld", &last) == 1 && closed != cols - last))
            fail_msg("%s: '%s' should be '%s', and %ld of its %ld columns are closed", dir, name,
                     how, (long)closed, (long)cols);
    }
    fclose(f);
}

/* What our surgery takes over is what is in the query model that scvi-tools made. */
static void check_taken_over(const char *dir, const sc_net *query, const sc_net *ref)
{
    sc_net net, other;
    sc_err err = {0};
    fresh(&net, ref, &query->dims);
    fresh(&other, ref, &query->dims);
    for (int64_t k = 0; k < other.g->n_params; k++) /* so that what is fresh differs everywhere */
        other.weights[k] += 1;
    must(sc_surgery_merge(&net, ref, true, &err), &err);
    must(sc_surgery_merge(&other, ref, true, &err), &err);
    int64_t n_fresh = 0, n_old = 0;
    for (int i = 0; i < net.g->n_weights; i++) {
        const sc_gweight *w = &net.g->weights[i];
        for (int64_t k = w->offset; k < w->offset + w->rows * w->cols && w->is_saved; k++) {
            const bool is_fresh = net.weights[k] != other.weights[k];
            n_fresh += is_fresh;
            n_old += !is_fresh;
            if (!is_fresh && net.weights[k] != query->weights[k])
                fail_msg("%s: '%s' differs from scvi-tools' query model", dir, w->name);
        }
    }
    int64_t n_ref = 0;
    for (int i = 0; i < ref->g->n_weights; i++)
        n_ref +=
            ref->g->weights[i].is_saved ? ref->g->weights[i].rows * ref->g->weights[i].cols : 0;
    assert_int_equal(n_old, n_ref);
    assert_true(n_fresh > 0);
    sc_net_free(&net);
    sc_net_free(&other);
}

static bool read_net(sc_net *net, const char *dir, const char *file)
{
    char path[1200];
    sc_err err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    const sc_status st = sc_net_read(net, path, &err);
    if (st != SC_OK && st != SC_EPLUGIN)
        fail_msg("%s", err.msg);
    return st == SC_OK;
}

static bool check_surgery(const char *dir)
{
    const sc_surgery_opts o = {.is_compat = true};
    sc_net ref, net;
    if (!read_net(&ref, dir, "ref_model.pt"))
        return false;
    assert_true(read_net(&net, dir, "model.pt"));
    sc_pool *pool = NULL;
    sc_err err = {0};
    must(sc_pool_new(&pool, 1, &err), &err);
    check_reference_f64(dir, &ref, NULL, "ref_qz_m_before", pool);
    check_reference_f32(dir, &ref, NULL, "ref_qz_m_before", pool);
    sc_pool_free(pool);
    check_taken_over(dir, &net, &ref);
    mask m = mask_of(&net, &ref, &o);
    check_what_trains(dir, &net, &m);
    check_net_f64(dir, &net, m.gate, m.moves);
    check_net_f32(dir, &net, m.gate, m.moves);
    mask_free(&m);
    sc_net_free(&net);
    sc_net_free(&ref);
    return true;
}

static void as_scvi_tools(void **state)
{
    (void)state;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/parity", root());
    DIR *d = opendir(path);
    if (!d)
        skip();
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char dir[1024];
        if (strncmp(e->d_name, "surgery_", 8) != 0)
            continue;
        (void)snprintf(dir, sizeof dir, "%s/%s", path, e->d_name);
        n += check_surgery(dir);
    }
    closedir(d);
    assert_int_equal(n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_scvi_tools)};
    return cmocka_run_group_tests_name("surgery", tests, NULL, NULL);
}
