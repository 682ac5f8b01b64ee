/*
 * Loom files, specification 2 and 3: /matrix and /layers lie genes x cells, /row_attrs are columns
 * of var and /col_attrs those of obs.
 */
#include "common/h5col.h"
#include "common/h5mat.h"
#include "loom/escape.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct loom_opts {
    const char *cell_attr, *gene_attr;
} loom_opts;

/* One axis: the cells or the genes. */
typedef struct loom_axis {
    int64_t n;
    hid_t group;
    char *names; /* the attribute that names them; NULL: by number */
    int n_cols;
    h5col *cols;
    bool has_escapes; /* text of specification 2 is ASCII with XML's escapes */
} loom_axis;

typedef struct loom_reader {
    hid_t file;
    loom_axis cells, genes;
    int n_mats;
    h5mat *mats; /* as the header's */
    int64_t row;
    sc_strs skipped;
    sc_header own;
} loom_reader;

static int probe(const sc_source *src)
{
    hid_t file = 0;
    const int score = h5_probe(&file, src->head, src->head_len, src->path, src->name, ".loom", 1);
    if (score >= 0)
        return score;
    const bool is_ours = h5_has(file, "matrix") && !h5_is_group(file, "matrix") &&
                         h5_is_group(file, "row_attrs") && h5_is_group(file, "col_attrs");
    h5_close(&file);
    return is_ours ? 95 : 0;
}

static void axis_close(loom_axis *a)
{
    for (int k = 0; k < a->n_cols; k++)
        h5col_close(&a->cols[k]);
    free(a->cols);
    free(a->names);
    h5_close(&a->group);
}

static void reader_close(void *state)
{
    loom_reader *s = state;
    if (!s)
        return;
    for (int m = 0; m < s->n_mats; m++)
        h5mat_close(&s->mats[m]);
    free(s->mats);
    axis_close(&s->cells);
    axis_close(&s->genes);
    sc_strs_free(&s->skipped);
    sc_header_free(&s->own);
    h5_close(&s->file);
    free(s);
}

static sc_status skip(loom_reader *s, const char *path, sc_err *err)
{
    return sc_strs_push(&s->skipped, path, strlen(path), err);
}

static sc_status fill_axis(const loom_axis *a, int64_t row0, sc_table *t, sc_err *err)
{
    sc_strs_free(&t->names);
    if (a->names) {
        hid_t ds = 0;
        SC_TRY(h5_get(&ds, a->group, a->names, err));
        const h5_vec v = {ds, NULL, 1};
        sc_status st = h5_read_as_text(&v, row0, t->n_rows, &t->names, err);
        h5_close(&ds);
        if (st == SC_OK && a->has_escapes)
            st = loom_unescape(&t->names, err);
        SC_TRY(st);
    }
    for (int64_t i = 0; i < t->n_rows && !a->names; i++) {
        char number[32];
        (void)snprintf(number, sizeof number, "%" PRId64, row0 + i);
        SC_TRY(sc_strs_push(&t->names, number, strlen(number), err));
    }
    for (int k = 0; k < a->n_cols; k++) {
        SC_TRY(h5col_fill(&a->cols[k], row0, &t->cols[k], err));
        if (a->has_escapes && t->cols[k].type == SC_COL_STRING)
            SC_TRY(loom_unescape(&t->cols[k].v.str, err));
    }
    return SC_OK;
}

static sc_status add_mat(loom_reader *s, sc_header *h, h5mat *m, const char *path, sc_mat **out,
                         sc_err *err)
{
    SC_TRY(sc_resize(&s->mats, (size_t)s->n_mats + 1, sizeof *s->mats, err));
    s->mats[s->n_mats++] = *m; /* taken, whatever follows */
    m = &s->mats[s->n_mats - 1];
    const bool is_attr = m->layout == H5MAT_DENSE;
    return sc_header_add(h, path,
                         is_attr && (m->kind != SC_COUNTS || path[0] == 'v') ? SC_REAL : m->kind,
                         !is_attr && m->is_sparse, m->n_cols, out, err);
}

/* A 2-D attribute is a matrix: obsm for cells, varm for genes. */
static sc_status add_wide(loom_reader *s, sc_header *h, const loom_axis *a, const char *name,
                          sc_err *err)
{
    const bool is_cells = a == &s->cells;
    char path[H5_PATH_MAX];
    h5mat m = {0};
    sc_mat *mat;
    (void)snprintf(path, sizeof path, "%s/%s", is_cells ? "col_attrs" : "row_attrs", name);
    if (!h5mat_is_one(a->group, name))
        return skip(s, path, err);
    SC_TRY(h5mat_open(&m, a->group, name, err));
    if (m.n_rows != a->n || m.layout != H5MAT_DENSE) {
        h5mat_close(&m);
        return skip(s, path, err);
    }
    sc_status st = h5mat_scan(&m, err);
    (void)snprintf(path, sizeof path, "%s/%s", is_cells ? "obsm" : "varm", name);
    if (st != SC_OK) {
        h5mat_close(&m);
        return st;
    }
    SC_TRY(add_mat(s, h, &m, path, &mat, err));
    return is_cells ? SC_OK : h5mat_dense(&s->mats[s->n_mats - 1], 0, a->n, &mat->varm, err);
}

static bool is_vector(hid_t group, const char *name)
{
    h5_info info;
    sc_err ignored = {0};
    hid_t ds = 0;
    if (h5_get(&ds, group, name, &ignored) != SC_OK)
        return false;
    const bool is_one = H5Iget_type(ds) == H5I_DATASET &&
                        h5_describe(ds, &info, &ignored) == SC_OK && info.rank == 1;
    h5_close(&ds);
    return is_one;
}

static sc_status open_axis(loom_reader *s, sc_header *h, loom_axis *a, sc_table *t,
                           const char *where, const char *wanted, const char *usual, sc_err *err)
{
    sc_strs members = {0};
    sc_status st;
    SC_GOTO(st, h5_get(&a->group, s->file, where, err), out);
    SC_GOTO(st, h5_members(a->group, &members, err), out);
    if (wanted && !h5_has(a->group, wanted)) {
        st = sc_fail(err, SC_EDATA, "there is no attribute '%s' in '%s'", wanted, where);
        goto out;
    }
    if (wanted || h5_has(a->group, usual)) {
        a->names = strdup(wanted ? wanted : usual);
        t->index_name = strdup(wanted ? wanted : usual);
    }
    for (int64_t k = 0; k < members.n && st == SC_OK; k++) {
        const char *name = sc_strs_at(&members, k);
        h5col c;
        bool is_known = false;
        if (is_vector(a->group, name))
            SC_GOTO(st, h5col_open(&c, a->group, name, a->n, &is_known, err), out);
        if (is_known && a->names && strcmp(name, a->names) == 0) {
            h5col_close(&c);
        } else if (is_known) {
            SC_GOTO(st, sc_resize(&a->cols, (size_t)a->n_cols + 1, sizeof *a->cols, err), out);
            a->cols[a->n_cols++] = c;
            st = sc_table_add(t, name, c.type, NULL, err);
        } else {
            st = add_wide(s, h, a, name, err);
        }
    }
out:
    sc_strs_free(&members);
    return st;
}

static sc_status add_expression(loom_reader *s, sc_header *h, const char *where, const char *path,
                                sc_err *err)
{
    h5mat m;
    SC_TRY(h5mat_open_transposed(&m, s->file, where, err));
    sc_status st = SC_OK;
    if (m.n_rows != s->cells.n || m.n_cols != s->genes.n)
        st = sc_fail(err, SC_EFORMAT, "'%s' is not as large as 'matrix'", where);
    if (st == SC_OK)
        st = h5mat_scan(&m, err);
    if (st != SC_OK) {
        h5mat_close(&m);
        return st;
    }
    return add_mat(s, h, &m, path, NULL, err);
}

static sc_status add_layers(loom_reader *s, sc_header *h, sc_err *err)
{
    sc_strs names = {0};
    hid_t group = 0;
    sc_status st = SC_OK;
    /* velocyto's files: the spliced molecules are what others call the counts */
    const bool has_spliced = h5_has(s->file, "layers/spliced");
    SC_GOTO(st, add_expression(s, h, has_spliced ? "layers/spliced" : "matrix", "X", err), out);
    if (has_spliced)
        SC_GOTO(st, add_expression(s, h, "matrix", "layers/matrix", err), out);
    if (!h5_is_group(s->file, "layers"))
        goto out;
    SC_GOTO(st, h5_get(&group, s->file, "layers", err), out);
    SC_GOTO(st, h5_members(group, &names, err), out);
    for (int64_t k = 0; k < names.n && st == SC_OK; k++) {
        char path[H5_PATH_MAX];
        (void)snprintf(path, sizeof path, "layers/%s", sc_strs_at(&names, k));
        if (strcmp(path, "layers/spliced") != 0)
            st = add_expression(s, h, path, path, err);
    }
out:
    sc_strs_free(&names);
    h5_close(&group);
    return st;
}

static sc_status skip_graphs(loom_reader *s, const char *where, sc_err *err)
{
    sc_strs names = {0};
    hid_t group = 0;
    if (!h5_is_group(s->file, where))
        return SC_OK;
    SC_TRY(h5_get(&group, s->file, where, err));
    sc_status st = h5_members(group, &names, err);
    if (st == SC_OK && names.n)
        st = skip(s, where, err);
    sc_strs_free(&names);
    h5_close(&group);
    return st;
}

static bool has_escapes(hid_t file)
{
    char version[32] = "";
    sc_strs s = {0};
    sc_err ignored = {0};
    hid_t ds = 0;
    if (h5_has(file, "attrs/LOOM_SPEC_VERSION") &&
        h5_get(&ds, file, "attrs/LOOM_SPEC_VERSION", &ignored) == SC_OK &&
        h5_read_scalar_text(ds, &s, &ignored) == SC_OK)
        (void)snprintf(version, sizeof version, "%s", sc_strs_at(&s, 0));
    else
        (void)h5_attr_text(file, "LOOM_SPEC_VERSION", version, sizeof version);
    h5_close(&ds);
    sc_strs_free(&s);
    return strtol(version, NULL, 10) < 3;
}

static sc_status open_parts(loom_reader *s, const loom_opts *o, const sc_host *host, sc_header *h,
                            sc_err *err)
{
    h5mat main;
    SC_TRY(h5mat_open_transposed(&main, s->file, "matrix", err));
    s->cells.n = h->n_obs = h->obs.n_rows = main.n_rows;
    s->genes.n = h->var.n_rows = main.n_cols;
    h5mat_close(&main);
    s->cells.has_escapes = s->genes.has_escapes = has_escapes(s->file);
    h->obs.n_rows = 0; /* the header's obs is a schema */
    SC_TRY(add_layers(s, h, err));
    SC_TRY(open_axis(s, h, &s->cells, &h->obs, "col_attrs", o->cell_attr, "CellID", err));
    SC_TRY(open_axis(s, h, &s->genes, &h->var, "row_attrs", o->gene_attr, "Gene", err));
    SC_TRY(fill_axis(&s->genes, 0, &h->var, err));
    SC_TRY(skip_graphs(s, "row_graphs", err));
    SC_TRY(skip_graphs(s, "col_graphs", err));
    if (s->skipped.n) {
        char list[400];
        sc_note(host, "skipped, as there is no place for them: %s",
                h5_list(&s->skipped, list, sizeof list));
    }
    return sc_header_copy(&s->own, h, err);
}

static sc_status reader_open(void **state, sc_source *src, const void *opts, const sc_host *host,
                             sc_header *h, sc_err *err)
{
    loom_reader *s;
    SC_TRY(sc_alloc(&s, 1, sizeof *s, err));
    sc_status st = h5_open(&s->file, src->path, err);
    if (st == SC_OK)
        st = open_parts(s, opts, host, h, err);
    if (st != SC_OK) {
        reader_close(s);
        return st;
    }
    *state = s;
    return SC_OK;
}

static sc_status reader_next(void *state, sc_format_rows *r, sc_err *err)
{
    loom_reader *s = state;
    const int64_t left = s->cells.n - s->row, n = left < SC_BLOCK_ROWS ? left : SC_BLOCK_ROWS;
    h5_quiet();
    if (n == 0)
        return SC_END;
    SC_TRY(sc_format_rows_init(r, &s->own, s->row, n, err));
    SC_TRY(fill_axis(&s->cells, s->row, &r->obs, err));
    for (int m = 0; m < s->n_mats; m++) {
        const sc_mat *mat = &s->own.mats[m];
        if (strncmp(mat->path, "varm/", 5) == 0)
            continue;
        SC_TRY(mat->is_sparse ? h5mat_sparse(&s->mats[m], s->row, n, &r->mats[m].sparse, err)
                              : h5mat_dense(&s->mats[m], s->row, n, &r->mats[m].dense, err));
    }
    s->row += n;
    return SC_OK;
}

static const sc_param params[] = {
    SC_STRING(loom_opts, cell_attr, "cell-attr", "NAME",
              "column attribute that names cells (CellID)"),
    SC_STRING(loom_opts, gene_attr, "gene-attr", "NAME", "row attribute that names genes (Gene)"),
    SC_PARAM_END};

static const sc_format format = {
    .size = sizeof(sc_format),
    .flags = SC_FORMAT_SEEKS,
    .suffixes = "",
    .probe = probe,
    .open = reader_open,
    .next = reader_next,
    .close = reader_close,
};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    .abi = SC_PLUGIN_ABI,
    .size = sizeof(sc_plugin),
    .kind = SC_KIND_FORMAT,
    .name = "loom",
    .brief = "Loom files, specifications 2 and 3",
    .doc =
        "X is the layer 'spliced' where there is one (then the main matrix is the layer 'matrix'), "
        "else the main matrix.",
    .source = "the loom file specification, 2.0.1 and 3.0.0",
    .params = params,
    .opts_size = sizeof(loom_opts),
    .impl = &format,
};
