/* Tables of text read, typed, edited and joined. */
#include "sc_concat.h"
#include "sc_edit.h"
#include "sc_recode.h"
#include "sc_tsv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads text as a table; path is where it stood, for messages. */
static sc_status read_text(sc_table *out, const char *text, char *path, sc_err *err)
{
    (void)strcpy(path, "/tmp/sluice-test-XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    const sc_status st = sc_tsv_read(out, path, err);
    (void)unlink(path);
    return st;
}

static sc_table table_of(const char *text)
{
    char path[64];
    sc_err err = {0};
    sc_table t;
    assert_int_equal(read_text(&t, text, path, &err), SC_OK);
    return t;
}

/* All of a table as text, "name:a,b name:a,b", with types in front. */
static const char *show(const sc_table *t, char *buf, size_t buf_len)
{
    char value[64];
    size_t used = 0;
    buf[0] = '\0';
    for (int k = 0; k < t->n_cols; k++)
        used += (size_t)snprintf(buf + used, buf_len - used, "%s=%s ", t->cols[k].name,
                                 sc_col_type_name(t->cols[k].type));
    for (int64_t i = 0; i < t->n_rows; i++) {
        used += (size_t)snprintf(buf + used, buf_len - used, "%s:", sc_strs_at(&t->names, i));
        for (int k = 0; k < t->n_cols; k++)
            used += (size_t)snprintf(buf + used, buf_len - used, "%s%s",
                                     sc_col_is_missing(&t->cols[k], i)
                                         ? "-"
                                         : sc_col_text(&t->cols[k], i, value, sizeof value),
                                     k + 1 < t->n_cols ? "," : " ");
    }
    return buf;
}

static void refuses(const char *text, sc_status status, const char *sentence)
{
    char path[64], expected[256];
    sc_err err = {0};
    sc_table t;
    assert_int_equal(read_text(&t, text, path, &err), status);
    (void)snprintf(expected, sizeof expected, "%s: %s", path, sentence);
    assert_string_equal(err.msg, expected);
}

static void test_tsv(void **state)
{
    (void)state;
    char buf[512];
    sc_table t = table_of("\xef\xbb\xbfx\ta\tb\r\nc1\t1\t\r\n\r\nc2\tNA\tz");
    assert_string_equal(show(&t, buf, sizeof buf), "a=string b=string c1:1,- c2:-,z ");
    sc_table_free(&t);
    t = table_of("a\tb\nc1\t1\t2\n"); /* as R writes it */
    assert_string_equal(show(&t, buf, sizeof buf), "a=string b=string c1:1,2 ");
    sc_table_free(&t);
}

static void test_tsv_refusals(void **state)
{
    (void)state;
    refuses("", SC_EFORMAT, "the file is empty");
    refuses("x\ta\n", SC_EFORMAT, "there is no row below the header");
    refuses("x,a\nc1,1\n", SC_EFORMAT,
            "there is no column besides the names; are tabs between them?");
    refuses("x\ta\nc1\t1\nc2\t1\t2\n", SC_EFORMAT, "line 3 has 3 fields, not 2");
    refuses("x\ta\nc1\t1\nc1\t1\n", SC_EDATA, "'c1' stands twice");
    refuses("x\ta\ta\nc1\t1\t1\n", SC_EDATA, "there is a column 'a' already");
}

static void test_infer(void **state)
{
    (void)state;
    static const sc_col_type expected[] = {SC_COL_INT,  SC_COL_REAL,     SC_COL_STRING,
                                           SC_COL_BOOL, SC_COL_CATEGORY, SC_COL_STRING};
    sc_err err = {0};
    sc_table t = table_of("x\ti\tr\tzeros\tb\tc\ts\n"
                          "1\t-5\t1e-3\t007\tTrue\tB\tu\n2\t0\t4\t0012\tFalse\tB\tv\n"
                          "3\tNA\tNA\tNA\tNA\tT\t\n");
    for (int k = 0; k < t.n_cols; k++) {
        sc_col_type type;
        assert_int_equal(sc_tsv_infer(&t.cols[k], &type, &err), SC_OK);
        assert_int_equal(type, expected[k]);
    }
    sc_table_free(&t);
}

static void test_edit(void **state)
{
    (void)state;
    char buf[512];
    sc_err err = {0};
    sc_edit e;
    sc_table t = table_of("x\tcluster\told\nc1\t10\tu\nc2\t9\tu\nc3\t10\tv\n");
    sc_table labels = table_of("x\tlabel\tscore\nc9\tT\t1\nc3\tB\t0.5\nc1\tT\tNA\n"), made;
    assert_int_equal(sc_edit_open(&e, "obs", &t, &err), SC_OK);
    assert_int_equal(sc_edit_drop(&e, "old", &err), SC_OK);
    assert_int_equal(sc_edit_rename(&e, "cluster", "leiden", &err), SC_OK);
    assert_int_equal(sc_edit_join(&e, &labels, &err), SC_OK);
    assert_int_equal(sc_edit_cast(&e, "leiden", SC_COL_CATEGORY, &err), SC_OK);
    assert_true(sc_edit_wants_look(&e));
    assert_int_equal(sc_edit_look(&e, &t, &err), SC_OK);
    assert_int_equal(sc_edit_apply(&e, &t, &made, &err), SC_OK);
    assert_string_equal(
        show(&made, buf, sizeof buf),
        "leiden=category label=category score=real c1:10,T,- c2:9,-,- c3:10,B,0.5 ");
    assert_string_equal(sc_strs_at(&made.cols[0].categories, 0), "9");
    assert_int_equal(e.n_matched, 2);
    assert_int_equal(sc_edit_drop(&e, "lable", &err), SC_EDATA);
    assert_string_equal(err.msg, "there is no obs column 'lable'; near to it: 'label'");
    sc_table_free(&made);
    sc_edit_free(&e);
    sc_table_free(&labels);
    sc_table_free(&t);
}

static void test_recode_refuses(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_recode r;
    sc_table t = table_of("x\ta\nc1\tone\n");
    assert_int_equal(sc_recode_open(&r, "a", SC_COL_INT, NULL, 1, &err), SC_OK);
    assert_int_equal(sc_recode_put(&r, &t.cols[0], 0, &err), SC_EDATA);
    assert_string_equal(err.msg, "column 'a': 'one' is no int value");
    sc_recode_free(&r);
    sc_table_free(&t);
}

static void join_two(sc_join join, const char *expected, int32_t to_new_b[3])
{
    char buf[512];
    sc_err err = {0};
    sc_axis axis;
    sc_table a = table_of("x\tid\tn\ng1\ti1\t1\ng2\ti2\t2\n");
    sc_table b = table_of("x\tn\tid\ng3\t9\ti3\ng2\t5\ti2\ng0\t1\ti0\n");
    const sc_table *tables[] = {&a, &b};
    const char *names[] = {"a.scz", "b.scz"};
    assert_int_equal(sc_axis_join(&axis, tables, names, 2, join, "gene", &err), SC_OK);
    assert_string_equal(show(&axis.table, buf, sizeof buf), expected);
    assert_memory_equal(axis.to_new[1], to_new_b, 3 * sizeof(int32_t));
    assert_false(axis.is_identity[1]);
    sc_axis_free(&axis);
    sc_table_free(&a);
    sc_table_free(&b);
}

static void test_axis(void **state)
{
    (void)state;
    join_two(SC_JOIN_INNER, "id=string g2:i2 ", (int32_t[]){-1, 0, -1});
    join_two(SC_JOIN_OUTER, "id=string g1:i1 g2:i2 g3:i3 g0:i0 ", (int32_t[]){2, 1, 3});
}

static void test_axis_refuses(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_axis axis;
    sc_table a = table_of("x\tid\ng1\ti1\n"), b = table_of("x\tid\ng2\ti1\n");
    const sc_table *tables[] = {&a, &b};
    const char *names[] = {"a.scz", "b.scz"};
    assert_int_equal(sc_axis_join(&axis, tables, names, 2, SC_JOIN_INNER, "gene", &err), SC_EDATA);
    assert_string_equal(err.msg, "the inputs have no gene in common");
    sc_axis_free(&axis);
    assert_int_equal(sc_strs_push(&b.names, "g2", 2, &err), SC_OK);
    assert_int_equal(sc_axis_join(&axis, tables, names, 2, SC_JOIN_INNER, "gene", &err), SC_EDATA);
    assert_string_equal(err.msg, "gene 'g2' stands twice in 'b.scz'");
    sc_axis_free(&axis);
    sc_table_free(&a);
    sc_table_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tsv),          cmocka_unit_test(test_tsv_refusals),
        cmocka_unit_test(test_infer),        cmocka_unit_test(test_edit),
        cmocka_unit_test(test_axis),         cmocka_unit_test(test_recode_refuses),
        cmocka_unit_test(test_axis_refuses),
    };
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
