#include "sc_stream_int.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mat_free(sc_mat *m)
{
    free(m->path);
    sc_strs_free(&m->col_names);
    sc_dense_free(&m->varm);
    *m = (sc_mat){0};
}

static sc_status mat_copy(sc_mat *to, const sc_mat *from, sc_err *err)
{
    const sc_dense *v = &from->varm;
    *to = (sc_mat){.kind = from->kind, .is_sparse = from->is_sparse, .n_cols = from->n_cols};
    SC_TRY(sc_str_dup(&to->path, from->path, err));
    SC_TRY(sc_strs_copy(&to->col_names, &from->col_names, err));
    if (v->values) {
        const size_t n = (size_t)v->n_rows * (size_t)v->n_cols;
        SC_TRY(sc_alloc(&to->varm.values, n, sizeof *v->values, err));
        to->varm.n_rows = v->n_rows;
        to->varm.n_cols = v->n_cols;
        if (n)
            memcpy(to->varm.values, v->values, n * sizeof *v->values);
    }
    return SC_OK;
}

static sc_status header_fill(sc_header *to, const sc_header *from, sc_err *err)
{
    to->n_obs = from->n_obs;
    to->has_raw = from->has_raw;
    SC_TRY(sc_table_copy(&to->var, &from->var, err));
    SC_TRY(sc_table_copy(&to->obs, &from->obs, err));
    SC_TRY(sc_table_copy(&to->raw_var, &from->raw_var, err));
    SC_TRY(sc_str_dup(&to->uns, from->uns ? from->uns : "{}", err));
    SC_TRY(sc_strs_copy(&to->records, &from->records, err));
    SC_TRY(sc_alloc(&to->mats, (size_t)from->n_mats, sizeof *to->mats, err));
    for (int k = 0; k < from->n_mats; k++) {
        to->n_mats = k + 1;
        SC_TRY(mat_copy(&to->mats[k], &from->mats[k], err));
    }
    return SC_OK;
}

sc_status sc_header_copy(sc_header *to, const sc_header *from, sc_err *err)
{
    sc_header h = {0};
    const sc_status st = header_fill(&h, from, err);
    if (st != SC_OK)
        sc_header_free(&h);
    else
        *to = h;
    return st;
}

void sc_header_free(sc_header *h)
{
    sc_table_free(&h->var);
    sc_table_free(&h->obs);
    sc_table_free(&h->raw_var);
    for (int k = 0; k < h->n_mats; k++)
        mat_free(&h->mats[k]);
    free(h->mats);
    free(h->uns);
    sc_strs_free(&h->records);
    *h = (sc_header){0};
}

int sc_header_find(const sc_header *h, const char *path)
{
    for (int k = 0; k < h->n_mats; k++)
        if (strcmp(h->mats[k].path, path) == 0)
            return k;
    return -1;
}

sc_status sc_header_add(sc_header *h, const char *path, sc_matkind kind, bool is_sparse,
                        int64_t n_cols, sc_mat **out, sc_err *err)
{
    int k = sc_header_find(h, path);
    char *name;
    SC_TRY(sc_str_dup(&name, path, err));
    if (k < 0) {
        const sc_status st = sc_resize(&h->mats, (size_t)h->n_mats + 1, sizeof *h->mats, err);
        if (st != SC_OK) {
            free(name);
            return st;
        }
        k = h->n_mats++;
    } else {
        mat_free(&h->mats[k]);
    }
    if (n_cols < 0 && strncmp(path, "obsp/", 5) != 0)
        n_cols = strcmp(path, "raw/X") == 0 ? h->raw_var.n_rows : h->var.n_rows;
    h->mats[k] = (sc_mat){.path = name, .kind = kind, .is_sparse = is_sparse, .n_cols = n_cols};
    if (out)
        *out = &h->mats[k];
    return SC_OK;
}

void sc_header_drop(sc_header *h, const char *path)
{
    const int k = sc_header_find(h, path);
    if (k < 0)
        return;
    mat_free(&h->mats[k]);
    memmove(&h->mats[k], &h->mats[k + 1], (size_t)(h->n_mats - k - 1) * sizeof *h->mats);
    h->n_mats--;
}

/* Of an argument that changes where output goes or how fast, and never what is in it: how many
 * arguments it takes up. The same input must give the same bytes. */
static int n_skipped(const char *arg)
{
    static const char *const alone[] = {"-q", "--quiet", "-v", "--verbose", "--resume"};
    static const char *const valued[] = {"-@",         "--threads",    "-o",
                                         "--output",   "--checkpoint", "--checkpoint-every",
                                         "--log-json", "--memory"};
    for (size_t k = 0; k < sizeof alone / sizeof *alone; k++)
        if (strcmp(arg, alone[k]) == 0)
            return 1;
    for (size_t k = 0; k < sizeof valued / sizeof *valued; k++) {
        const size_t n = strlen(valued[k]);
        if (strcmp(arg, valued[k]) == 0)
            return 2;
        if (strncmp(arg, valued[k], n) == 0 && (n == 2 || arg[n] == '='))
            return 1;
    }
    return 0;
}

/* json_string refuses what is not UTF-8, and a file name may be anything. */
static json_t *text_of(const char *arg)
{
    json_t *s = json_string(arg);
    if (s)
        return s;
    char *copy = strdup(arg);
    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    s = copy ? json_string(copy) : NULL;
    free(copy);
    return s;
}

sc_status sc_header_record(sc_header *h, const char *tool, int argc, char *const *argv, sc_err *err)
{
    json_t *args = json_array();
    bool is_operand = false;
    for (int k = 1; k < argc; k++) {
        const int skip = is_operand ? 0 : n_skipped(argv[k]);
        is_operand = is_operand || strcmp(argv[k], "--") == 0;
        if (skip)
            k += skip - 1;
        else
            (void)json_array_append_new(args, text_of(argv[k]));
    }
    json_t *o = json_pack("{s:s, s:s, s:o}", "tool", tool, "version", SC_VERSION, "argv", args);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return sc_fail(err, SC_ENOMEM, "out of memory for the provenance record");
    const sc_status st = sc_strs_push(&h->records, text, strlen(text), err);
    free(text);
    return st;
}
