/* Genes of data matched to a model's: by name, id, id without version; what is refused, what is
 * said. */
#include "sc_genes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A var table of names, and of ids where those are given; both separated by blanks. */
static void make(sc_table *t, const char *names, const char *ids)
{
    char text[256], *save = NULL;
    sc_err err = {0};
    sc_col *c = NULL;
    memset(t, 0, sizeof *t);
    (void)snprintf(text, sizeof text, "%s", names);
    for (char *s = strtok_r(text, " ", &save); s; s = strtok_r(NULL, " ", &save))
        assert_int_equal(sc_strs_push(&t->names, s, strlen(s), &err), SC_OK);
    t->n_rows = t->names.n;
    if (!ids)
        return;
    assert_int_equal(sc_table_add(t, "gene_ids", SC_COL_STRING, &c, &err), SC_OK);
    sc_strs_free(&c->v.str);
    (void)snprintf(text, sizeof text, "%s", ids);
    for (char *s = strtok_r(text, " ", &save); s; s = strtok_r(NULL, " ", &save))
        assert_int_equal(sc_strs_push(&c->v.str, strcmp(s, "-") == 0 ? "" : s,
                                      strcmp(s, "-") == 0 ? 0 : strlen(s), &err),
                         SC_OK);
    assert_int_equal(c->v.str.n, t->n_rows);
}

typedef struct wanted {
    const char *data, *data_ids, *model, *model_ids;
    double overlap;
    const char *to_model; /* as text; NULL: refused */
    const char *says;     /* in note or sentence; "": nothing is said */
    bool in_order;
} wanted;

static void check(const wanted *w)
{
    sc_table data, model;
    sc_genes m;
    sc_err err = {0};
    char got[256] = "";
    make(&data, w->data, w->data_ids);
    make(&model, w->model, w->model_ids);
    const sc_status st = sc_genes_match(&m, &data, &model, w->overlap, &err);
    assert_int_equal(st, w->to_model ? SC_OK : SC_EDATA);
    const char *said = st == SC_OK ? m.note : err.msg;
    if (!strstr(said, w->says) || (!w->says[0] && said[0]))
        fail_msg("'%s' does not say '%s'", said, w->says);
    for (int64_t j = 0; st == SC_OK && j < data.n_rows; j++)
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", j ? " " : "",
                       (int)m.to_model[j]);
    if (st == SC_OK) {
        assert_string_equal(got, w->to_model);
        assert_int_equal(m.in_order, w->in_order);
        sc_genes_free(&m);
    }
    sc_table_free(&data);
    sc_table_free(&model);
}

static void cases(void **state)
{
    (void)state;
    static const wanted all[] = {
        {"a b c", NULL, "a b c", NULL, 1, "0 1 2", "", true},
        {"c x a b", NULL, "a b c", NULL, 1, "2 -1 0 1", "", false},
        {"a c", NULL, "a b c", NULL, 0.6, "0 2", "2 of the model's 3 genes are in the data; the 1",
         true},
        {"a c", NULL, "a b c", NULL, 1, NULL, "lack 1 of the model's 3 genes ('b' is the first)",
         false},
        {"a c", NULL, "a b c", NULL, 0.7, NULL, "fewer than a share of 0.7 are there", false},
        {"x y", NULL, "a b", NULL, 0, NULL, "lack 2 of the model's 2 genes", false},
        /* of two genes with a name the first counts */
        {"a a b", NULL, "a b", NULL, 1, "0 -1 1", "", true},
        /* ids on either side, or on both */
        {"E1 E2", NULL, "a b", "E1 E2", 1, "0 1",
         "matched by the names and the model's var column 'gene_ids'", true},
        {"a b", "E1 E2", "E2 E1", NULL, 1, "1 0", "matched by var column 'gene_ids'", false},
        {"x y", "E1 E2", "a b", "E1 E2", 1, "0 1",
         "matched by var column 'gene_ids' and the model's var column 'gene_ids'", true},
        /* names win where they find as many */
        {"a b", "E2 E1", "a b", "E1 E2", 1, "0 1", "", true},
        /* an id that is missing is no name */
        {"x y", "- E2", "a b", "- E2", 0.5, "-1 1", "1 of the model's 2 genes", true},
        /* versions of Ensembl ids; a dot elsewhere belongs to the name */
        {"ENSG01.1 ENSG02.2", NULL, "ENSG01.7 ENSG02", NULL, 1, "0 1", "without version suffixes",
         true},
        {"RP11.5 b", NULL, "RP11.6 b", NULL, 0.5, "-1 1", "1 of the model's 2 genes", true},
        {"ENSG01.x ENSG02.1", NULL, "ENSG01 ENSG02", NULL, 0.5, "-1 1", "without version suffixes",
         true},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check(&all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};
    return cmocka_run_group_tests_name("genes", tests, NULL, NULL);
}
