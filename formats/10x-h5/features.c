#include "tenx.h"

#include <inttypes.h>
#include <stdlib.h>

static const char gene_type[] = "Gene Expression", protein_type[] = "Antibody Capture";

static bool is_genome(hid_t file, const char *name)
{
    char path[H5_PATH_MAX];
    static const char *const parts[] = {"barcodes", "gene_names", "indptr"};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        (void)snprintf(path, sizeof path, "%s/%s", name, parts[k]);
        if (!h5_has(file, path))
            return false;
    }
    return true;
}

static sc_status find_genomes(hid_t file, sc_strs *out, sc_err *err)
{
    sc_strs all = {0};
    sc_status st = h5_members(file, &all, err);
    for (int64_t k = 0; k < all.n && st == SC_OK; k++)
        if (h5_is_group(file, sc_strs_at(&all, k)) && is_genome(file, sc_strs_at(&all, k)))
            st = sc_strs_push(out, sc_strs_at(&all, k), strlen(sc_strs_at(&all, k)), err);
    sc_strs_free(&all);
    return st;
}

bool tenx_has_group(hid_t file)
{
    sc_strs genomes = {0};
    sc_err ignored = {0};
    bool has = h5_has(file, "matrix/barcodes") && h5_is_group(file, "matrix/features");
    if (!has)
        has = find_genomes(file, &genomes, &ignored) == SC_OK && genomes.n > 0;
    sc_strs_free(&genomes);
    return has;
}

static sc_status no_genome(const sc_strs *genomes, const char *wanted, sc_err *err)
{
    char list[400];
    h5_list(genomes, list, sizeof list);
    if (wanted)
        return sc_fail(err, SC_EDATA, "there is no genome '%s' in it, but %s", wanted, list);
    return sc_fail(err, SC_EDATA, "there are several genomes in it: choose one with --genome: %s",
                   list);
}

sc_status tenx_find_group(hid_t *group, bool *is_v3, hid_t file, const tenx_opts *o, sc_err *err)
{
    sc_strs genomes = {0};
    *is_v3 = h5_is_group(file, "matrix") && !is_genome(file, "matrix");
    if (*is_v3)
        return h5_get(group, file, "matrix", err);
    sc_status st = find_genomes(file, &genomes, err);
    const char *name = NULL;
    for (int64_t k = 0; k < genomes.n; k++)
        if (genomes.n == 1 ? !o->genome || strcmp(sc_strs_at(&genomes, k), o->genome) == 0
                           : o->genome && strcmp(sc_strs_at(&genomes, k), o->genome) == 0)
            name = sc_strs_at(&genomes, k);
    if (st == SC_OK && genomes.n == 0)
        st = sc_fail(err, SC_EFORMAT, "it is HDF5 but not of 10x: there is no 'matrix' in it");
    else if (st == SC_OK)
        st = name ? h5_get(group, file, name, err) : no_genome(&genomes, o->genome, err);
    sc_strs_free(&genomes);
    return st;
}

/* A text dataset of one value a feature. */
static sc_status read_column(hid_t group, const char *name, int64_t n, sc_strs *out, sc_err *err)
{
    h5_info info;
    char at[H5_PATH_MAX];
    hid_t ds = 0;
    SC_TRY(h5_get(&ds, group, name, err));
    const h5_vec v = {ds, NULL, 1};
    sc_status st = h5_describe(ds, &info, err);
    if (st == SC_OK && (info.rank != 1 || info.kind != H5_TEXT || info.dims[0] != n))
        st = sc_fail(err, SC_EFORMAT, "'%s' is not a list of %" PRId64 " names",
                     h5_path(ds, at, sizeof at), n);
    if (st == SC_OK)
        st = h5_read_text(&v, 0, n, out, err);
    h5_close(&ds);
    return st;
}

static bool is_text_column(hid_t group, const char *name, int64_t n)
{
    h5_info info;
    sc_err ignored = {0};
    hid_t ds = 0;
    if (h5_get(&ds, group, name, &ignored) != SC_OK)
        return false;
    const bool is_one = H5Iget_type(ds) == H5I_DATASET &&
                        h5_describe(ds, &info, &ignored) == SC_OK && info.rank == 1 &&
                        info.kind == H5_TEXT && info.dims[0] == n;
    h5_close(&ds);
    return is_one;
}

/* Whatever else cellranger says about features: pattern, read, sequence, interval ... */
static sc_status read_more(tenx_features *f, hid_t group, sc_err *err)
{
    static const char known[] = " id name feature_type genome gene_id _all_tag_keys ";
    sc_strs names = {0};
    sc_status st = h5_members(group, &names, err);
    for (int64_t k = 0; k < names.n && st == SC_OK; k++) {
        char word[H5_PATH_MAX];
        const char *name = sc_strs_at(&names, k);
        (void)snprintf(word, sizeof word, " %s ", name);
        if (strstr(known, word) || !is_text_column(group, name, f->n))
            continue;
        SC_GOTO(st, sc_resize(&f->more_names, (size_t)f->n_more + 1, sizeof(char *), err), out);
        SC_GOTO(st, sc_resize(&f->more, (size_t)f->n_more + 1, sizeof *f->more, err), out);
        f->more[f->n_more] = (sc_strs){0};
        f->more_names[f->n_more] = strdup(name);
        st = f->more_names[f->n_more] ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
        f->n_more++;
        if (st == SC_OK)
            st = read_column(group, name, f->n, &f->more[f->n_more - 1], err);
    }
out:
    sc_strs_free(&names);
    return st;
}

static bool has_several(const sc_strs *s)
{
    for (int64_t k = 1; k < s->n; k++)
        if (strcmp(sc_strs_at(s, k), sc_strs_at(s, 0)) != 0)
            return true;
    return false;
}

/* As the reader of 10x folders does: one type of features is X whatever it is. */
static sc_status place(tenx_features *f, const tenx_opts *o, bool is_v3, sc_err *err)
{
    const bool is_split = !o->all_features && has_several(&f->types);
    const char *genome = is_v3 ? o->genome : NULL;
    bool has_genome = false;
    SC_TRY(sc_alloc(&f->to_gene, (size_t)f->n, sizeof *f->to_gene, err));
    SC_TRY(sc_alloc(&f->to_protein, (size_t)f->n, sizeof *f->to_protein, err));
    for (int64_t j = 0; j < f->n; j++) {
        const char *type = is_split ? sc_strs_at(&f->types, j) : gene_type;
        const bool is_protein = strcmp(type, protein_type) == 0; /* antibodies have no genome */
        const bool is_here =
            !genome || (f->genomes.n && strcmp(sc_strs_at(&f->genomes, j), genome) == 0);
        const bool is_gene = strcmp(type, gene_type) == 0 && is_here;
        has_genome |= is_here;
        f->to_gene[j] = is_gene ? (int32_t)f->n_genes++ : -1;
        f->to_protein[j] = is_protein ? (int32_t)f->n_proteins++ : -1;
        f->n_dropped += is_here && !is_gene && !is_protein;
    }
    if (has_genome || f->n == 0)
        return SC_OK;
    sc_strs seen = {0};
    sc_status st = SC_OK;
    for (int64_t j = 0; j < f->genomes.n && st == SC_OK; j++) {
        const char *name = sc_strs_at(&f->genomes, j);
        if (name[0] && (j == 0 || strcmp(name, sc_strs_at(&f->genomes, j - 1)) != 0) && seen.n < 8)
            st = sc_strs_push(&seen, name, strlen(name), err);
    }
    if (st == SC_OK)
        st = no_genome(&seen, genome, err);
    sc_strs_free(&seen);
    return st;
}

sc_status tenx_read_features(tenx_features *f, hid_t group, bool is_v3, const tenx_opts *o,
                             sc_err *err)
{
    if (!is_v3) {
        SC_TRY(read_column(group, "gene_names", f->n, &f->symbols, err));
        SC_TRY(read_column(group, "genes", f->n, &f->ids, err));
        return place(f, o, is_v3, err);
    }
    hid_t features = 0;
    sc_status st;
    SC_GOTO(st, h5_get(&features, group, "features", err), out);
    SC_GOTO(st, read_column(features, "name", f->n, &f->symbols, err), out);
    const bool is_probes = h5_has(features, "gene_id");
    SC_GOTO(st, read_column(features, is_probes ? "gene_id" : "id", f->n, &f->ids, err), out);
    SC_GOTO(st, read_column(features, "feature_type", f->n, &f->types, err), out);
    if (h5_has(features, "genome"))
        SC_GOTO(st, read_column(features, "genome", f->n, &f->genomes, err), out);
    SC_GOTO(st, read_more(f, features, err), out);
    if (is_probes) {
        SC_GOTO(st, sc_resize(&f->more_names, (size_t)f->n_more + 1, sizeof(char *), err), out);
        SC_GOTO(st, sc_resize(&f->more, (size_t)f->n_more + 1, sizeof *f->more, err), out);
        f->more[f->n_more] = (sc_strs){0};
        f->more_names[f->n_more] = strdup("probe_ids");
        f->n_more++;
        SC_GOTO(st, read_column(features, "id", f->n, &f->more[f->n_more - 1], err), out);
    }
    st = place(f, o, is_v3, err);
out:
    h5_close(&features);
    return st;
}

static sc_status take(sc_strs *out, const sc_strs *from, const int32_t *to, sc_err *err)
{
    sc_strs_free(out);
    for (int64_t j = 0; j < from->n; j++)
        if (to[j] >= 0)
            SC_TRY(sc_strs_push(out, sc_strs_at(from, j), strlen(sc_strs_at(from, j)), err));
    return SC_OK;
}

static sc_status add_category(sc_table *var, const char *name, const sc_strs *from,
                              const int32_t *to, sc_err *err)
{
    sc_col *c;
    SC_TRY(sc_table_add(var, name, SC_COL_CATEGORY, &c, err));
    for (int64_t j = 0; j < from->n; j++) {
        const char *text = sc_strs_at(from, j);
        int32_t code = 0; /* there are a handful */
        if (to[j] < 0)
            continue;
        while (code < c->categories.n && strcmp(sc_strs_at(&c->categories, code), text) != 0)
            code++;
        if (code == c->categories.n)
            SC_TRY(sc_strs_push(&c->categories, text, strlen(text), err));
        c->v.code[to[j]] = code;
    }
    return SC_OK;
}

sc_status tenx_fill_header(const tenx_features *f, sc_matkind kind, const tenx_opts *o,
                           sc_header *h, sc_err *err)
{
    const bool by_id = o->var_names == 1;
    const sc_strs *names = by_id ? &f->ids : &f->symbols;
    sc_col *c;
    sc_mat *m;
    h->var.n_rows = f->n_genes;
    SC_TRY(take(&h->var.names, names, f->to_gene, err));
    SC_TRY(sc_table_add(&h->var, by_id ? "gene_symbols" : "gene_ids", SC_COL_STRING, &c, err));
    SC_TRY(take(&c->v.str, by_id ? &f->symbols : &f->ids, f->to_gene, err));
    if (f->types.n)
        SC_TRY(add_category(&h->var, "feature_types", &f->types, f->to_gene, err));
    if (f->genomes.n)
        SC_TRY(add_category(&h->var, "genome", &f->genomes, f->to_gene, err));
    for (int k = 0; k < f->n_more; k++) {
        SC_TRY(sc_table_add(&h->var, f->more_names[k], SC_COL_STRING, &c, err));
        SC_TRY(take(&c->v.str, &f->more[k], f->to_gene, err));
    }
    SC_TRY(sc_header_add(h, "X", kind, true, f->n_genes, &m, err));
    if (f->n_proteins == 0)
        return SC_OK;
    SC_TRY(sc_header_add(h, "obsm/protein_expression", kind, false, f->n_proteins, &m, err));
    SC_TRY(take(&m->col_names, names, f->to_protein, err));
    return sc_strs_make_unique(&m->col_names, NULL, err);
}

void tenx_features_free(tenx_features *f)
{
    sc_strs_free(&f->ids);
    sc_strs_free(&f->symbols);
    sc_strs_free(&f->types);
    sc_strs_free(&f->genomes);
    for (int k = 0; k < f->n_more; k++) {
        free(f->more_names[k]);
        sc_strs_free(&f->more[k]);
    }
    free(f->more_names);
    free(f->more);
    free(f->to_gene);
    free(f->to_protein);
    *f = (tenx_features){0};
}
