#include "sc_groups.h"
#include "sc_subset.h"
#include "sc_uns.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ok(sc_status st, const sc_err *err)
{
    if (st != SC_OK)
        fail_msg("%s", err->msg);
}

static void push(sc_strs *s, const char *text)
{
    sc_err err = {0};
    ok(sc_strs_push(s, text, strlen(text), &err), &err);
}

/* 4 genes, X sparse, a dense layer, one varm, one obsm. */
static void make_header(sc_header *h)
{
    static const char *const genes[] = {"a", "b", "c", "d"};
    sc_err err = {0};
    sc_mat *m;
    memset(h, 0, sizeof *h);
    ok(sc_alloc(&h->uns, 3, 1, &err), &err);
    memcpy(h->uns, "{}", 3);
    h->var.n_rows = 4;
    for (int j = 0; j < 4; j++)
        push(&h->var.names, genes[j]);
    ok(sc_header_add(h, "X", SC_COUNTS, true, -1, &m, &err), &err);
    ok(sc_header_add(h, "layers/soft", SC_REAL, false, -1, &m, &err), &err);
    ok(sc_header_add(h, "obsm/Z", SC_REAL, false, 2, &m, &err), &err);
    ok(sc_header_add(h, "varm/W", SC_REAL, false, 2, &m, &err), &err);
    m->varm = (sc_dense){4, 2, NULL};
    ok(sc_alloc(&m->varm.values, 8, sizeof(float), &err), &err);
    for (int k = 0; k < 8; k++)
        m->varm.values[k] = (float)k;
}

static sc_block *make_block(void)
{
    sc_err err = {0};
    sc_block *b;
    sc_csr x = {2, 4, NULL, NULL, NULL};
    sc_dense soft = {2, 4, NULL};
    ok(sc_block_new(&b, 2, &err), &err);
    ok(sc_alloc(&x.indptr, 3, sizeof *x.indptr, &err), &err);
    ok(sc_alloc(&x.indices, 4, sizeof *x.indices, &err), &err);
    ok(sc_alloc(&x.values, 4, sizeof *x.values, &err), &err);
    ok(sc_alloc(&soft.values, 8, sizeof *soft.values, &err), &err);
    for (int i = 0; i < 2; i++) { /* columns 1 and 2, then 0 and 3 */
        x.indptr[i + 1] = 2 * i + 2;
        x.indices[2 * i] = i ? 0 : 1;
        x.indices[2 * i + 1] = i ? 3 : 2;
        x.values[2 * i] = (float)(10 * i + 1);
        x.values[2 * i + 1] = (float)(10 * i + 2);
    }
    for (int k = 0; k < 8; k++)
        soft.values[k] = (float)k / 2;
    ok(sc_block_set_sparse(b, "X", &x, &err), &err);
    ok(sc_block_set_dense(b, "layers/soft", &soft, &err), &err);
    return b;
}

static void genes_go_everywhere(void **state)
{
    (void)state;
    static const uint8_t keep[] = {0, 1, 0, 1};
    sc_err err = {0};
    sc_header h;
    sc_subset s;
    sc_csr *x;
    sc_dense *soft;
    make_header(&h);
    sc_block *b = make_block();
    ok(sc_subset_new(&s, keep, 4, &err), &err);
    ok(sc_subset_header(&s, &h, &err), &err);
    ok(sc_subset_block(&s, &h, b, &err), &err);

    assert_int_equal(h.var.n_rows, 2);
    assert_string_equal(sc_strs_at(&h.var.names, 1), "d");
    assert_int_equal(h.mats[sc_header_find(&h, "X")].n_cols, 2);
    assert_int_equal(h.mats[sc_header_find(&h, "obsm/Z")].n_cols, 2);
    const sc_dense *w = &h.mats[sc_header_find(&h, "varm/W")].varm;
    assert_int_equal(w->n_rows, 2);
    assert_true(w->values[0] == 2 && w->values[1] == 3 && w->values[2] == 6 && w->values[3] == 7);

    ok(sc_block_sparse(b, "X", &x, &err), &err);
    assert_int_equal(x->n_cols, 2);
    assert_true(x->indptr[1] == 1 && x->indptr[2] == 2);
    assert_true(x->indices[0] == 0 && x->values[0] == 1);
    assert_true(x->indices[1] == 1 && x->values[1] == 12);
    ok(sc_block_dense(b, "layers/soft", &soft, &err), &err);
    assert_int_equal(soft->n_cols, 2);
    assert_true(soft->values[0] == 0.5F && soft->values[1] == 1.5F && soft->values[2] == 2.5F &&
                soft->values[3] == 3.5F);
    sc_block_free(b);
    sc_subset_free(&s);
    sc_header_free(&h);
}

/* A block of three cells with the values that `type` has. */
static sc_block *block_with(const char *name, sc_col_type type, int missing_at)
{
    sc_err err = {0};
    sc_block *b;
    sc_table t = {.n_rows = 3};
    sc_col *c;
    push(&t.names, "one");
    push(&t.names, "two");
    push(&t.names, "three");
    ok(sc_table_add(&t, name, type, &c, &err), &err);
    for (int i = 0; i < 3; i++) {
        if (type == SC_COL_INT)
            c->v.i[i] = 7 - i / 2;
        else
            c->v.r[i] = i == missing_at ? (double)NAN : 0.5 * (i % 2);
    }
    ok(sc_block_new(&b, 3, &err), &err);
    ok(sc_block_set_obs(b, &t, &err), &err);
    return b;
}

static void groups_are_numbered_as_they_come(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_header h;
    sc_groups g;
    sc_col *c;
    make_header(&h);
    ok(sc_table_add(&h.obs, "donor", SC_COL_INT, &c, &err), &err);
    ok(sc_table_add(&h.obs, "dose", SC_COL_REAL, &c, &err), &err);

    ok(sc_groups_open(&g, &h, "donor", &err), &err);
    sc_block *b = block_with("donor", SC_COL_INT, -1);
    ok(sc_groups_block(&g, b, &err), &err);
    ok(sc_groups_block(&g, b, &err), &err);
    assert_true(g.code[0] == 0 && g.code[1] == 0 && g.code[2] == 1);
    assert_int_equal(g.names.n, 2);
    assert_string_equal(sc_strs_at(&g.names, 1), "6");
    sc_block_free(b);
    sc_groups_close(&g);

    ok(sc_groups_open(&g, &h, "dose", &err), &err);
    b = block_with("dose", SC_COL_REAL, 1);
    assert_int_equal(sc_groups_block(&g, b, &err), SC_EDATA);
    assert_string_equal(err.msg, "cell 'two' has no value in obs column 'dose'");
    sc_block_free(b);
    sc_groups_close(&g);

    assert_int_equal(sc_groups_open(&g, &h, "doner", &err), SC_EDATA);
    assert_non_null(strstr(err.msg, "'doner'"));
    assert_non_null(strstr(err.msg, "'donor'"));
    sc_groups_close(&g);
    sc_header_free(&h);
}

static void uns_keeps_its_order(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_header h;
    make_header(&h);
    ok(sc_uns_set(&h, "log1p", "{\"base\":2}", &err), &err);
    ok(sc_uns_set(&h, "hvg", "{\"flavor\":\"seurat\"}", &err), &err);
    assert_true(sc_uns_number(&h, "log1p", "base", 0) == 2);
    ok(sc_uns_set(&h, "log1p", "{}", &err), &err);
    assert_string_equal(h.uns, "{\"log1p\":{},\"hvg\":{\"flavor\":\"seurat\"}}");
    assert_true(sc_uns_number(&h, "log1p", "base", -1) == -1);
    sc_header_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genes_go_everywhere),
        cmocka_unit_test(groups_are_numbered_as_they_come),
        cmocka_unit_test(uns_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
