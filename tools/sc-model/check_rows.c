/* Whether a cell's results are its own, and whether they come back from a file. */
#include "check.h"

#include "sc_temp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Outputs, and for `all` what terms and latents are too: nodes of rows in evaluation mode. */
typedef struct roots {
    int n;
    int32_t nodes[96];
    int64_t at[96]; /* offset of a node's values for CHECK_ROWS rows */
    int64_t n_values;
} roots;

static void add_root(roots *r, const sc_built *g, int32_t node)
{
    const sc_gnode *n = &g->nodes[node];
    r->nodes[r->n] = node;
    r->at[r->n++] = r->n_values;
    r->n_values += n->n_cols * (n->reps ? n->reps * CHECK_ROWS : n->n_rows > 0 ? n->n_rows : 1);
}

static void find_roots(roots *r, const sc_built *g, bool all)
{
    *r = (roots){0};
    for (int i = 0; i < g->n_outputs; i++)
        add_root(r, g, g->outputs[i].node);
    for (int i = 0; all && i < g->n_terms; i++)
        add_root(r, g, g->terms[i].node);
    for (int i = 0; all && i < g->n_sites; i++)
        add_root(r, g, g->sites[i].node);
}

static const char *root_name(const sc_built *g, int k)
{
    if (k < g->n_outputs)
        return g->outputs[k].name;
    k -= g->n_outputs;
    return k < g->n_terms ? g->terms[k].name : g->sites[k - g->n_terms].name;
}

typedef struct runner {
    const sc_net *net;
    sc_exec_f32 *e;
    sc_plan plan;
    roots roots;
} runner;

static sc_status open_runner(runner *r, const check *c, const sc_net *net, bool all, sc_err *err)
{
    *r = (runner){.net = net};
    find_roots(&r->roots, net->g, all);
    SC_TRY(sc_exec_new_f32(&r->e, net->g, CHECK_ROWS, false, c->pool, sc_kernels_get(NULL), err));
    memcpy(sc_exec_weights_f32(r->e), net->weights,
           (size_t)net->g->n_params * sizeof *net->weights);
    return sc_plan_make(&r->plan, net->g, 7, 0, r->roots.nodes, r->roots.n, err);
}

static void close_runner(runner *r)
{
    sc_plan_free(&r->plan);
    sc_exec_free_f32(r->e);
}

/* Rows [from, from + n) of the cells; their values go where these rows have their place in out. */
static sc_status run_rows(runner *r, const sc_made_cells *cells, sc_draw draw, int from, int n,
                          float *out, sc_err *err)
{
    const sc_mini mini = check_mini(cells, r->net, from, n);
    sc_run run = {.draw = draw, .seed = 3, .epoch = 1, .kl_weight = 1};
    for (int s = 0; s < SC_N_STREAMS; s++)
        run.mini[s] = &mini;
    SC_TRY(sc_exec_forward_f32(r->e, &r->plan, &run, err));
    for (int k = 0; k < r->roots.n; k++) {
        const sc_gnode *node = &r->net->g->nodes[r->roots.nodes[k]];
        const float *v = sc_exec_value_f32(r->e, r->roots.nodes[k]);
        const size_t row = (size_t)node->n_cols * sizeof *v;
        float *to = out + r->roots.at[k];
        if (node->reps == 0)
            memcpy(to, v, row * (size_t)(node->n_rows > 0 ? node->n_rows : 1));
        for (int64_t rep = 0; rep < node->reps; rep++)
            memcpy(to + (rep * CHECK_ROWS + from) * node->n_cols, v + rep * n * node->n_cols,
                   row * (size_t)n);
    }
    return SC_OK;
}

static sc_status compare_row(const runner *r, const float *together, const float *apart, int i,
                             int j, const char *how, sc_err *err)
{
    for (int k = 0; k < r->roots.n; k++) {
        const sc_gnode *node = &r->net->g->nodes[r->roots.nodes[k]];
        const size_t row = (size_t)node->n_cols * sizeof *together;
        for (int64_t rep = 0; rep < node->reps; rep++)
            if (memcmp(together + r->roots.at[k] + (rep * CHECK_ROWS + i) * node->n_cols,
                       apart + r->roots.at[k] + (rep * CHECK_ROWS + j) * node->n_cols, row) != 0)
                return sc_fail(err, SC_EPLUGIN, "'%s' of a cell %s is not what it is in its batch",
                               root_name(r->net->g, k), how);
    }
    return SC_OK;
}

static sc_status compare_orders(check *c, runner *r, sc_draw draw, float *values[2], sc_err *err)
{
    int order[CHECK_ROWS];
    SC_TRY(run_rows(r, &c->cells, draw, 0, CHECK_ROWS, values[0], err));
    for (int i = 0; i < CHECK_ROWS; i++)
        SC_TRY(run_rows(r, &c->cells, draw, i, 1, values[1], err));
    for (int i = 0; i < CHECK_ROWS; i++)
        SC_TRY(compare_row(r, values[0], values[1], i, i, "alone", err));
    for (int i = 0; i < CHECK_ROWS; i++)
        order[i] = i * 10 % CHECK_ROWS;
    sc_made_order(&c->shuffled, &c->cells, order, CHECK_ROWS);
    SC_TRY(run_rows(r, &c->shuffled, draw, 0, CHECK_ROWS, values[1], err));
    for (int i = 0; i < CHECK_ROWS; i++)
        SC_TRY(compare_row(r, values[0], values[1], order[i], i, "in another place", err));
    return SC_OK;
}

sc_status check_rows(check *c, const sc_net *net, sc_err *err)
{
    runner r;
    float *values[2] = {NULL, NULL};
    sc_status st = open_runner(&r, c, net, true, err);
    for (int k = 0; st == SC_OK && k < 2; k++)
        st = sc_alloc(&values[k], (size_t)r.roots.n_values, sizeof(float), err);
    if (st == SC_OK)
        st = compare_orders(c, &r, SC_DRAW_MEAN, values, err);
    if (st == SC_OK)
        st = compare_orders(c, &r, SC_DRAW_SAMPLE, values, err);
    free(values[0]);
    free(values[1]);
    close_runner(&r);
    return st;
}

static sc_status values_of(const check *c, const sc_net *net, float **values, int64_t *n,
                           sc_err *err)
{
    runner r;
    sc_status st = open_runner(&r, c, net, false, err);
    *n = r.roots.n_values;
    if (st == SC_OK)
        st = sc_alloc(values, (size_t)*n, sizeof **values, err);
    if (st == SC_OK)
        st = run_rows(&r, &c->cells, SC_DRAW_MEAN, 0, CHECK_ROWS, *values, err);
    close_runner(&r);
    return st;
}

static sc_status same_bytes(int a, int b, sc_err *err)
{
    char x[2][4096];
    ssize_t n[2];
    for (off_t at = 0;; at += n[0]) {
        n[0] = pread(a, x[0], sizeof x[0], at);
        n[1] = pread(b, x[1], sizeof x[1], at);
        if (n[0] < 0 || n[1] < 0)
            return sc_fail_errno(err, "can't read a scratch file");
        if (n[0] != n[1] || memcmp(x[0], x[1], (size_t)n[0]) != 0)
            return sc_fail(err, SC_EPLUGIN,
                           "written, read and written again a model has other "
                           "bytes");
        if (n[0] == 0)
            return SC_OK;
    }
}

static sc_status same_values(const check *c, const sc_net *net, const sc_net *back, sc_err *err)
{
    float *values[2] = {NULL, NULL};
    int64_t n[2] = {0, 0};
    sc_status st = values_of(c, net, &values[0], &n[0], err);
    if (st == SC_OK)
        st = values_of(c, back, &values[1], &n[1], err);
    if (st == SC_OK &&
        (n[0] != n[1] || memcmp(values[0], values[1], (size_t)n[0] * sizeof(float)) != 0))
        st = sc_fail(err, SC_EPLUGIN, "read from a file the model gives other results");
    free(values[0]);
    free(values[1]);
    return st;
}

sc_status check_file(check *c, const sc_net *net, sc_err *err)
{
    sc_net back = {0};
    int fd[2] = {-1, -1};
    char path[64];
    sc_status st;
    SC_GOTO(st, sc_temp_fd(&fd[0], err), out);
    SC_GOTO(st, sc_temp_fd(&fd[1], err), out);
    SC_GOTO(st, sc_net_write(net, fd[0], "a scratch file", err), out);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd[0]);
    SC_GOTO(st, sc_net_read(&back, path, err), out);
    SC_GOTO(st, sc_net_write(&back, fd[1], "a scratch file", err), out);
    SC_GOTO(st, same_bytes(fd[0], fd[1], err), out);
    if (!sc_graph_same(net->g, back.g))
        st = sc_fail(err, SC_EPLUGIN, "read from a file the model is another graph");
    else
        st = same_values(c, net, &back, err);
out:
    for (int k = 0; k < 2; k++)
        if (fd[k] >= 0)
            (void)close(fd[k]);
    sc_net_free(&back);
    return st;
}
