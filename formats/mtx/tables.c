/* features.tsv and barcodes.tsv, and what they make of the header. */
#include "mtx.h"

#include <stdlib.h>

static const char gene_type[] = "Gene Expression", protein_type[] = "Antibody Capture";

static sc_status push(sc_strs *s, const char *str, sc_err *err)
{
    return sc_strs_push(s, str, strlen(str), err);
}

sc_status mtx_read_features(mtx_tables *t, sc_text *in, sc_err *err)
{
    char *line, *fields[4];
    size_t len;
    sc_status st;
    bool all_typed = true;
    t->has_features = true;
    while ((st = sc_text_line(in, &line, &len, err)) == SC_OK) {
        if (len == 0)
            return sc_text_fail(in, err, SC_EFORMAT, "an empty line where a feature is wanted");
        const int64_t n = sc_text_split(line, '\t', fields, 4);
        all_typed = all_typed && n >= 3;
        SC_TRY(push(&t->ids, fields[0], err));
        SC_TRY(push(&t->symbols, fields[n > 1 ? 1 : 0], err));
        SC_TRY(push(&t->types, n >= 3 ? fields[2] : "", err));
    }
    if (!all_typed)
        sc_strs_free(&t->types);
    return st == SC_END ? SC_OK : st;
}

sc_status mtx_read_barcodes(mtx_tables *t, sc_text *in, sc_err *err)
{
    char *line, *field;
    size_t len;
    sc_status st;
    t->has_barcodes = true;
    while ((st = sc_text_line(in, &line, &len, err)) == SC_OK) {
        if (len == 0)
            return sc_text_fail(in, err, SC_EFORMAT, "an empty line where a barcode is wanted");
        (void)sc_text_split(line, '\t', &field, 1);
        field[strcspn(field, "\t")] = '\0';
        SC_TRY(push(&t->barcodes, field, err));
    }
    return st == SC_END ? SC_OK : st;
}

void mtx_tables_free(mtx_tables *t)
{
    sc_strs_free(&t->ids);
    sc_strs_free(&t->symbols);
    sc_strs_free(&t->types);
    sc_strs_free(&t->barcodes);
    *t = (mtx_tables){0};
}

static bool has_several_types(const mtx_tables *t)
{
    for (int64_t j = 1; j < t->types.n; j++)
        if (strcmp(sc_strs_at(&t->types, j), sc_strs_at(&t->types, 0)) != 0)
            return true;
    return false;
}

sc_status mtx_split_features(mtx_split *s, const mtx_tables *t, bool all_features, sc_err *err)
{
    const int64_t n = t->symbols.n;
    const bool is_split = !all_features && has_several_types(t);
    *s = (mtx_split){0};
    SC_TRY(sc_alloc(&s->to_gene, (size_t)n, sizeof *s->to_gene, err));
    SC_TRY(sc_alloc(&s->to_protein, (size_t)n, sizeof *s->to_protein, err));
    for (int64_t j = 0; j < n; j++) {
        const char *type = is_split ? sc_strs_at(&t->types, j) : gene_type;
        const bool is_gene = strcmp(type, gene_type) == 0;
        const bool is_protein = strcmp(type, protein_type) == 0;
        s->to_gene[j] = is_gene ? (int32_t)s->n_genes++ : -1;
        s->to_protein[j] = is_protein ? (int32_t)s->n_proteins++ : -1;
        s->n_dropped += !is_gene && !is_protein;
    }
    return SC_OK;
}

void mtx_split_free(mtx_split *s)
{
    free(s->to_gene);
    free(s->to_protein);
    *s = (mtx_split){0};
}

/* The strings of those features that go to `to`. */
static sc_status take_strs(sc_strs *out, const sc_strs *from, const int32_t *to, sc_err *err)
{
    sc_strs_free(out);
    for (int64_t j = 0; j < from->n; j++)
        if (to[j] >= 0)
            SC_TRY(push(out, sc_strs_at(from, j), err));
    return SC_OK;
}

static sc_status add_types(sc_table *var, const mtx_tables *t, const mtx_split *s, sc_err *err)
{
    sc_col *c;
    SC_TRY(sc_table_add(var, "feature_types", SC_COL_CATEGORY, &c, err));
    sc_status st = SC_OK;
    for (int64_t j = 0; st == SC_OK && j < t->types.n; j++) {
        if (s->to_gene[j] < 0)
            continue;
        const char *type = sc_strs_at(&t->types, j);
        int32_t code = 0; /* there are a handful of types */
        while (code < c->categories.n && strcmp(sc_strs_at(&c->categories, code), type) != 0)
            code++;
        if (code == c->categories.n)
            st = push(&c->categories, type, err);
        c->v.code[s->to_gene[j]] = code;
    }
    return st;
}

sc_status mtx_fill_header(sc_header *h, const mtx_tables *t, const mtx_split *s, sc_matkind kind,
                          const mtx_opts *o, sc_err *err)
{
    const bool by_id = o->var_names == 1;
    sc_col *c;
    sc_mat *m;
    h->var.n_rows = s->n_genes;
    SC_TRY(take_strs(&h->var.names, by_id ? &t->ids : &t->symbols, s->to_gene, err));
    if (t->has_features) {
        SC_TRY(sc_table_add(&h->var, by_id ? "gene_symbols" : "gene_ids", SC_COL_STRING, &c, err));
        SC_TRY(take_strs(&c->v.str, by_id ? &t->symbols : &t->ids, s->to_gene, err));
    }
    if (t->types.n > 0)
        SC_TRY(add_types(&h->var, t, s, err));
    SC_TRY(sc_header_add(h, "X", kind, true, s->n_genes, &m, err));
    if (s->n_proteins == 0)
        return SC_OK;
    SC_TRY(sc_header_add(h, "obsm/protein_expression", kind, false, s->n_proteins, &m, err));
    SC_TRY(take_strs(&m->col_names, by_id ? &t->ids : &t->symbols, s->to_protein, err));
    return sc_strs_make_unique(&m->col_names, NULL, err);
}
