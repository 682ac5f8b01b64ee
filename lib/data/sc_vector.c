#include "sc_vector.h"

#include "sc_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t find_name(const sc_strs *s, const char *name)
{
    for (int64_t j = 0; j < s->n; j++)
        if (strcmp(sc_strs_at(s, j), name) == 0)
            return j;
    return -1;
}

/* Names of columns and genes that are near to what was asked for. */
static sc_status not_there(const sc_header *h, const char *name, bool is_gene_too, sc_err *err)
{
    sc_strs names = {0};
    char near[256] = "";
    sc_status st = SC_OK;
    if (is_gene_too && find_name(&h->var.names, name) >= 0)
        return sc_fail(err, SC_EDATA, "gene '%s' has no values: there is no matrix 'X'%s", name,
                       sc_header_why(h, "X"));
    for (int c = 0; c < h->obs.n_cols && st == SC_OK; c++)
        st = sc_strs_push(&names, h->obs.cols[c].name, strlen(h->obs.cols[c].name), err);
    for (int64_t j = 0; is_gene_too && j < h->var.names.n && st == SC_OK; j++)
        st = sc_strs_push(&names, sc_strs_at(&h->var.names, j),
                          strlen(sc_strs_at(&h->var.names, j)), err);
    if (st == SC_OK) {
        sc_strs_near(&names, name, near, sizeof near);
        st =
            sc_fail(err, SC_EDATA, "there is no obs column%s '%s'%s%s",
                    is_gene_too ? " and no gene" : "", name, near[0] ? "; near to it: " : "", near);
    }
    sc_strs_free(&names);
    return st;
}

static int find_mat(const sc_header *h, const char *layer)
{
    char path[512];
    if (strcmp(layer, "X") == 0)
        return sc_header_find(h, "X");
    if (strcmp(layer, "raw") == 0)
        return sc_header_find(h, "raw/X");
    (void)snprintf(path, sizeof path, "layers/%s", layer);
    return sc_header_find(h, path);
}

static const sc_table *genes_of(const sc_header *h, int mat)
{
    return strcmp(h->mats[mat].path, "raw/X") == 0 ? &h->raw_var : &h->var;
}

static bool take_gene(sc_vector *v, const sc_header *h, int mat)
{
    const int64_t j = mat < 0 ? -1 : find_name(&genes_of(h, mat)->names, v->name);
    if (j < 0)
        return false;
    v->gene = j;
    v->gene_mat = mat;
    v->kind = SC_VECTOR_NUMBER;
    v->is_log1p = h->mats[mat].kind == SC_COUNTS || h->mats[mat].kind == SC_COUNTS_FRACTIONAL;
    return true;
}

/* A column of an obsm whose columns have names, such as a protein. */
static bool take_obsm(sc_vector *v, const sc_header *h, int mat)
{
    const sc_mat *m = &h->mats[mat];
    const bool is_named = strncmp(m->path, "obsm/", 5) == 0 && !m->is_sparse && m->col_names.n > 0;
    const int64_t j = is_named ? find_name(&m->col_names, v->name) : -1;
    if (j < 0)
        return false;
    v->gene = j;
    v->gene_mat = mat;
    v->kind = SC_VECTOR_NUMBER;
    v->is_log1p = m->kind == SC_COUNTS || m->kind == SC_COUNTS_FRACTIONAL;
    return true;
}

static bool take_any_obsm(sc_vector *v, const sc_header *h)
{
    for (int k = 0; k < h->n_mats; k++)
        if (take_obsm(v, h, k))
            return true;
    return false;
}

sc_status sc_vector_open_obsm(sc_vector *v, const sc_header *h, int mat, int64_t column,
                              sc_err *err)
{
    const sc_mat *m = &h->mats[mat];
    *v = (sc_vector){.gene_mat = mat,
                     .gene = column,
                     .kind = SC_VECTOR_NUMBER,
                     .is_log1p = m->kind == SC_COUNTS || m->kind == SC_COUNTS_FRACTIONAL};
    v->name = strdup(sc_strs_at(&m->col_names, column));
    return v->name ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
}

static sc_status open_layer(sc_vector *v, const sc_header *h, const char *layer, sc_err *err)
{
    const int mat = find_mat(h, layer);
    if (mat < 0)
        return sc_fail(err, SC_EDATA, "there is no layer '%s'%s", layer, sc_header_why(h, "X"));
    if (take_gene(v, h, mat))
        return SC_OK;
    char near[256];
    sc_strs_near(&genes_of(h, mat)->names, v->name, near, sizeof near);
    return sc_fail(err, SC_EDATA, "'%s' has no gene '%s'%s%s", h->mats[mat].path, v->name,
                   near[0] ? "; near to it: " : "", near);
}

sc_status sc_vector_open(sc_vector *v, const sc_header *h, const char *name, const char *layer,
                         sc_vector_kind wanted, sc_err *err)
{
    const sc_col *col = sc_table_find(&h->obs, name);
    const bool is_number = col && (col->type == SC_COL_INT || col->type == SC_COL_REAL);
    *v = (sc_vector){.gene_mat = -1};
    v->name = strdup(name);
    if (!v->name)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    if (layer && wanted != SC_VECTOR_CATEGORY)
        return open_layer(v, h, layer, err);
    if (!col && wanted != SC_VECTOR_CATEGORY &&
        (take_gene(v, h, sc_header_find(h, "X")) || take_gene(v, h, sc_header_find(h, "raw/X")) ||
         take_any_obsm(v, h)))
        return SC_OK;
    if (!col)
        return not_there(h, name, wanted != SC_VECTOR_CATEGORY, err);
    if (wanted == SC_VECTOR_NUMBER && !is_number)
        return sc_fail(err, SC_EDATA, "obs column '%s' is not a column of numbers", name);
    if (wanted == SC_VECTOR_CATEGORY && col->type == SC_COL_REAL)
        return sc_fail(err, SC_EDATA, "obs column '%s' holds numbers, and groups are needed", name);
    v->kind = wanted == SC_VECTOR_CATEGORY || !is_number ? SC_VECTOR_CATEGORY : SC_VECTOR_NUMBER;
    v->has_order = col->type == SC_COL_CATEGORY;
    return v->has_order ? sc_strs_copy(&v->levels, &col->categories, err) : SC_OK;
}

static sc_status make_room(sc_vector *v, int64_t n, sc_err *err)
{
    if (n <= v->room)
        return SC_OK;
    const int64_t room = n > 2 * v->room ? n : 2 * v->room;
    if (v->kind == SC_VECTOR_CATEGORY)
        SC_TRY(sc_resize(&v->code, (size_t)room, sizeof *v->code, err));
    else
        SC_TRY(sc_resize(&v->number, (size_t)room, sizeof *v->number, err));
    v->room = room;
    return SC_OK;
}

static sc_status level_of(sc_vector *v, const char *text, int32_t last, int32_t *code, sc_err *err)
{
    if (last >= 0 && strcmp(sc_strs_at(&v->levels, last), text) == 0) {
        *code = last;
        return SC_OK;
    }
    *code = (int32_t)find_name(&v->levels, text);
    if (*code >= 0)
        return SC_OK;
    if (v->levels.n >= SC_VECTOR_LEVELS_MAX)
        return sc_fail(err, SC_EDATA, "obs column '%s' has more than %d different values", v->name,
                       SC_VECTOR_LEVELS_MAX);
    *code = (int32_t)v->levels.n;
    return sc_strs_push(&v->levels, text, strlen(text), err);
}

static sc_status take_levels(sc_vector *v, const sc_col *col, int64_t n, sc_err *err)
{
    int32_t *to = v->code + v->n, last = -1;
    char buf[64];
    for (int64_t i = 0; i < n; i++) {
        to[i] = -1;
        if (sc_col_is_missing(col, i))
            continue;
        SC_TRY(level_of(v, sc_col_text(col, i, buf, sizeof buf), last, &to[i], err));
        last = to[i];
    }
    return SC_OK;
}

/* A category's codes are looked up once a level, not once a cell. */
static sc_status take_codes(sc_vector *v, const sc_col *col, int64_t n, sc_err *err)
{
    int32_t *level = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&level, (size_t)col->categories.n + 1, sizeof *level, err), out);
    for (int64_t k = 0; k < col->categories.n; k++)
        level[k] = -1;
    for (int64_t i = 0; i < n; i++) {
        const int32_t k = col->v.code[i];
        v->code[v->n + i] = -1;
        if (k < 0)
            continue;
        if (level[k] < 0)
            SC_GOTO(st, level_of(v, sc_strs_at(&col->categories, k), -1, &level[k], err), out);
        v->code[v->n + i] = level[k];
    }
out:
    free(level);
    return st;
}

static void take_numbers(sc_vector *v, const sc_col *col, int64_t n)
{
    float *to = v->number + v->n;
    for (int64_t i = 0; i < n; i++) {
        const double x = sc_col_is_missing(col, i) ? NAN
                         : col->type == SC_COL_INT ? (double)col->v.i[i]
                                                   : col->v.r[i];
        to[i] = isfinite(x) ? (float)x : NAN;
    }
}

static float stored(const sc_rows *r, int64_t i, int64_t j)
{
    if (!r->indptr)
        return r->values[i * r->n_cols + j];
    int64_t a = r->indptr[i], b = r->indptr[i + 1];
    while (a < b) {
        const int64_t k = a + (b - a) / 2;
        if (r->indices[k] < j)
            a = k + 1;
        else
            b = k;
    }
    return a < r->indptr[i + 1] && r->indices[a] == j ? r->values[a] : 0;
}

static sc_status take_expression(sc_vector *v, sc_block *b, const sc_mat *m, sc_err *err)
{
    sc_rows rows;
    SC_TRY(sc_rows_of(b, m, &rows, err));
    for (int64_t i = 0; i < sc_block_n_rows(b); i++) {
        const float x = stored(&rows, i, v->gene), y = v->is_log1p ? log1pf(x) : x;
        v->number[v->n + i] = isfinite(y) ? y : NAN;
    }
    return SC_OK;
}

sc_status sc_vector_block(sc_vector *v, sc_block *b, const sc_header *h, sc_err *err)
{
    const int64_t n = sc_block_n_rows(b);
    SC_TRY(make_room(v, v->n + n, err));
    if (v->gene_mat >= 0) {
        SC_TRY(take_expression(v, b, &h->mats[v->gene_mat], err));
    } else {
        sc_table *obs = NULL;
        SC_TRY(sc_block_obs(b, &obs, err));
        const sc_col *col = sc_table_find(obs, v->name);
        if (!col)
            return sc_fail(err, SC_EFORMAT, "a block lacks the obs column '%s'", v->name);
        if (v->kind == SC_VECTOR_NUMBER)
            take_numbers(v, col, n);
        else if (col->type == SC_COL_CATEGORY)
            SC_TRY(take_codes(v, col, n, err));
        else
            SC_TRY(take_levels(v, col, n, err));
    }
    v->n += n;
    return SC_OK;
}

typedef struct level {
    const char *name;
    int32_t old;
    int64_t n_cells;
} level;

/* Names that are whole numbers are in the order of the numbers: 2 before 10. */
static int by_name(const void *a, const void *b)
{
    const char *x = ((const level *)a)->name, *y = ((const level *)b)->name;
    char *x_end, *y_end;
    const long long i = strtoll(x, &x_end, 10), j = strtoll(y, &y_end, 10);
    if (*x && *y && !*x_end && !*y_end && i != j)
        return i < j ? -1 : 1;
    return strcmp(x, y);
}

static sc_status renumber(sc_vector *v, level *levels, int32_t *now, sc_strs *kept, sc_err *err)
{
    const size_t n = (size_t)v->levels.n;
    for (size_t k = 0; k < n; k++)
        levels[k] = (level){sc_strs_at(&v->levels, (int64_t)k), (int32_t)k, 0};
    for (int64_t i = 0; i < v->n; i++)
        if (v->code[i] >= 0)
            levels[v->code[i]].n_cells++;
    if (!v->has_order)
        qsort(levels, n, sizeof *levels, by_name);
    for (size_t k = 0; k < n; k++) {
        if (levels[k].n_cells == 0)
            continue;
        now[levels[k].old] = (int32_t)kept->n;
        SC_TRY(sc_strs_push(kept, levels[k].name, strlen(levels[k].name), err));
    }
    for (int64_t i = 0; i < v->n; i++)
        if (v->code[i] >= 0)
            v->code[i] = now[v->code[i]];
    return SC_OK;
}

sc_status sc_vector_finish(sc_vector *v, sc_err *err)
{
    level *levels = NULL;
    int32_t *now = NULL;
    sc_strs kept = {0};
    sc_status st = SC_OK;
    if (v->kind != SC_VECTOR_CATEGORY)
        return SC_OK;
    SC_GOTO(st, sc_alloc(&levels, (size_t)v->levels.n + 1, sizeof *levels, err), out);
    SC_GOTO(st, sc_alloc(&now, (size_t)v->levels.n + 1, sizeof *now, err), out);
    SC_GOTO(st, renumber(v, levels, now, &kept, err), out);
    sc_strs_free(&v->levels);
    v->levels = kept;
    kept = (sc_strs){0};
out:
    sc_strs_free(&kept);
    free(levels);
    free(now);
    return st;
}

void sc_vector_free(sc_vector *v)
{
    free(v->name);
    free(v->code);
    free(v->number);
    sc_strs_free(&v->levels);
    *v = (sc_vector){.gene_mat = -1};
}
