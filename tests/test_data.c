/* Names, tables and sparse rows in memory; the header's rules; output that appears whole. */
#include "sc_stream.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void ok(sc_status st, const sc_err *err)
{
    if (st != SC_OK)
        fail_msg("%s", err->msg);
}

static sc_strs strs(int n, const char *const *text)
{
    sc_err e;
    sc_strs s = {0};
    for (int k = 0; k < n; k++)
        ok(sc_strs_push(&s, text[k], strlen(text[k]), &e), &e);
    return s;
}
#define STRS(...)                                                                                  \
    strs((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                            \
         (const char *[]){__VA_ARGS__})

static void names_are_found(void **state)
{
    (void)state;
    sc_err e;
    sc_names *x;
    char name[20];
    sc_strs s = STRS("b", "a", "b", "");
    ok(sc_names_new(&x, &s, &e), &e);
    assert_int_equal(sc_names_find(x, "b"), 0);
    assert_int_equal(sc_names_find(x, "a"), 1);
    assert_int_equal(sc_names_find(x, ""), 3);
    assert_int_equal(sc_names_find(x, "c"), -1);
    sc_names_free(x);
    sc_strs_free(&s);
    for (int k = 0; k < 5000; k++) {
        (void)snprintf(name, sizeof name, "n%d", k);
        ok(sc_strs_push(&s, name, strlen(name), &e), &e);
    }
    ok(sc_names_new(&x, &s, &e), &e);
    for (int k = 0; k < 5000; k++)
        assert_int_equal(sc_names_find(x, sc_strs_at(&s, k)), k);
    sc_names_free(x);
    sc_strs_free(&s);
}

static void text_must_be_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {"\xff",         "\xc0\x80",         "a\xe2\x82",
                                      "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe0\x80\xaf"};
    sc_err e;
    sc_strs s = {0};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        assert_int_equal(sc_strs_push(&s, bad[k], strlen(bad[k]), &e), SC_EFORMAT);
    assert_int_equal(sc_strs_push(&s, "a\0b", 3, &e), SC_EFORMAT);
    ok(sc_strs_push(&s, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, &e), &e);
    assert_int_equal(s.n, 1);
    sc_strs_free(&s);
}

/* As anndata 0.11's make_index_unique does with these names. */
static void names_become_unique(void **state)
{
    (void)state;
    static const char *const want[] = {"a", "a-1", "b", "a-2", "a-1-1", "b-1"};
    sc_err e;
    int64_t n;
    sc_strs s = STRS("a", "a-1", "b", "a", "a-1", "b");
    ok(sc_strs_make_unique(&s, &n, &e), &e);
    assert_int_equal(n, 3);
    for (int k = 0; k < 6; k++)
        assert_string_equal(sc_strs_at(&s, k), want[k]);
    sc_strs_free(&s);
}

static void near_names_are_listed(void **state)
{
    (void)state;
    char buf[100], tiny[8];
    sc_strs s = STRS("batch", "n_counts", "cell_type", "Batch2", "x");
    sc_strs_near(&s, "bacth", buf, sizeof buf);
    assert_string_equal(buf, "'batch'");
    sc_strs_near(&s, "celltype", buf, sizeof buf);
    assert_string_equal(buf, "'cell_type'");
    sc_strs_near(&s, "quite another", buf, sizeof buf);
    assert_string_equal(buf, "");
    sc_strs_near(&s, "counts", buf, sizeof buf); /* a whole word of it */
    assert_string_equal(buf, "'n_counts'");
    sc_strs_near(&s, "ount", buf, sizeof buf);
    assert_string_equal(buf, "");
    sc_strs_near(&s, "cell_type", tiny, sizeof tiny);
    assert_string_equal(tiny, "'cell_t");
    sc_strs_free(&s);
    s = STRS("target-sum", "max-fraction", "n-top-genes");
    sc_strs_near(&s, "totl-sum", buf, sizeof buf); /* one of the words, and how the other begins */
    assert_string_equal(buf, "'target-sum'");
    sc_strs_near(&s, "other-sum", buf, sizeof buf);
    assert_string_equal(buf, "");
    sc_strs_near(&s, "totl-sum-x", buf, sizeof buf);
    assert_string_equal(buf, "");
    sc_strs_free(&s);
}

static void tables_are_taken_apart(void **state)
{
    (void)state;
    static const int64_t rows[] = {2, 0, 2};
    sc_err e;
    sc_col *c;
    char buf[40];
    sc_table t = {.n_rows = 3}, u, none;
    t.names = STRS("r0", "r1", "r2");
    ok(sc_table_add(&t, "s", SC_COL_STRING, &c, &e), &e);
    ok(sc_table_add(&t, "k", SC_COL_CATEGORY, &c, &e), &e);
    c->categories = STRS("lo", "hi");
    c->v.code[2] = 1;
    ok(sc_table_add(&t, "r", SC_COL_REAL, &c, &e), &e);
    c->v.r[2] = 1.0 / 3;
    ok(sc_table_add(&t, "i", SC_COL_INT, &c, &e), &e);
    c->missing = calloc(3, 1);
    c->missing[0] = 1;
    assert_int_equal(sc_table_add(&t, "i", SC_COL_INT, &c, &e), SC_EDATA);
    ok(sc_table_take(&u, &t, rows, 3, &e), &e);
    assert_string_equal(sc_strs_at(&u.names, 0), "r2");
    assert_string_equal(sc_col_text(sc_table_find(&u, "k"), 0, buf, sizeof buf), "hi");
    assert_string_equal(sc_col_text(sc_table_find(&u, "k"), 1, buf, sizeof buf), "");
    assert_string_equal(sc_col_text(sc_table_find(&u, "r"), 2, buf, sizeof buf), "0.333333333");
    assert_string_equal(sc_col_text(sc_table_find(&u, "r"), 1, buf, sizeof buf), "");
    assert_true(sc_col_is_missing(sc_table_find(&u, "i"), 1));
    assert_false(sc_col_is_missing(sc_table_find(&u, "i"), 0));
    ok(sc_table_drop(&u, "s", &e), &e);
    assert_null(sc_table_find(&u, "s"));
    assert_int_equal(sc_table_drop(&u, "s", &e), SC_EDATA);
    ok(sc_table_take(&none, &t, NULL, 0, &e), &e);
    assert_true(none.n_rows == 0 && none.n_cols == 4);
    sc_table_free(&none);
    sc_table_free(&u);
    sc_table_free(&t);
}

static void columns_are_taken(void **state)
{
    (void)state;
    static const int32_t old_to_new[] = {2, -1, 0, 1}; /* not monotone */
    static const int64_t rows[] = {1, 0};
    sc_err e;
    int64_t indptr[] = {0, 3, 5};
    int32_t indices[] = {0, 1, 3, 0, 2};
    float values[] = {1, 2, 3, 4, 5};
    const sc_csr m = {2, 4, indptr, indices, values};
    sc_csr t, u;
    ok(sc_csr_take_cols(&t, &m, old_to_new, 3, &e), &e);
    assert_true(t.n_cols == 3 && t.indptr[1] == 2 && t.indptr[2] == 4);
    assert_true(t.indices[0] == 1 && t.values[0] == 3 && t.indices[1] == 2 && t.values[1] == 1);
    assert_true(t.indices[2] == 0 && t.values[2] == 5 && t.indices[3] == 2 && t.values[3] == 4);
    ok(sc_csr_take_rows(&u, &t, rows, 2, &e), &e);
    assert_true(u.indptr[1] == 2 && u.values[0] == 5 && u.values[2] == 3);
    sc_csr_free(&t);
    sc_csr_free(&u);
}

static void counts_are_chosen(void **state)
{
    (void)state;
    sc_err e;
    int k;
    char note[200];
    sc_header h = {.n_obs = -1};
    ok(sc_header_add(&h, "X", SC_COUNTS, true, 0, NULL, &e), &e);
    ok(sc_header_counts(&h, NULL, &k, note, sizeof note, &e), &e);
    assert_true(k == 0 && !note[0]);
    ok(sc_header_add(&h, "X", SC_LOGNORM, true, 0, NULL, &e), &e);
    assert_int_equal(h.n_mats, 1);
    assert_int_equal(sc_header_counts(&h, NULL, &k, note, sizeof note, &e), SC_EDATA);
    assert_non_null(strstr(e.msg, "X (lognorm)"));
    ok(sc_header_add(&h, "raw/X", SC_COUNTS, true, 0, NULL, &e), &e);
    assert_int_equal(sc_header_counts(&h, NULL, &k, note, sizeof note, &e), SC_EDATA);
    assert_non_null(strstr(e.msg, "X (lognorm); raw has some, which sc-read --use raw takes"));
    sc_header_drop(&h, "raw/X");
    ok(sc_header_add(&h, "X", SC_COUNTS_FRACTIONAL, true, 0, NULL, &e), &e);
    assert_int_equal(sc_header_counts(&h, NULL, &k, note, sizeof note, &e), SC_EDATA);
    assert_non_null(strstr(e.msg, "X (counts-fractional); --layer takes fractional ones"));
    ok(sc_header_add(&h, "X", SC_LOGNORM, true, 0, NULL, &e), &e);
    assert_int_equal(sc_header_counts(&h, "X", &k, note, sizeof note, &e), SC_EDATA);
    ok(sc_header_add(&h, "layers/counts", SC_COUNTS, true, 0, NULL, &e), &e);
    ok(sc_header_counts(&h, NULL, &k, note, sizeof note, &e), &e);
    assert_int_equal(k, 1);
    assert_non_null(strstr(note, "layers/counts"));
    ok(sc_header_add(&h, "layers/more", SC_COUNTS, true, 0, NULL, &e), &e);
    assert_int_equal(sc_header_counts(&h, NULL, &k, note, sizeof note, &e), SC_EDATA);
    assert_non_null(strstr(e.msg, "layers/counts (counts), layers/more (counts)"));
    ok(sc_header_counts(&h, "more", &k, note, sizeof note, &e), &e);
    assert_int_equal(k, 2);
    assert_int_equal(sc_header_counts(&h, "less", &k, note, sizeof note, &e), SC_EDATA);
    sc_header_drop(&h, "X");
    assert_int_equal(sc_header_find(&h, "layers/counts"), 0);
    sc_header_free(&h);
}

/* The same input must give the same bytes, so what cannot change the result is not recorded. */
static void records_leave_out_threads(void **state)
{
    (void)state;
    sc_err e;
    sc_header h = {.n_obs = -1};
    char *argv[] = {"./sc-x", "-@", "4",  "--n=3", "--threads=2", "-o",
                    "out",    "-q", "--", "-q",    "\xff",        NULL};
    ok(sc_header_record(&h, "sc-x", 11, argv, &e), &e);
    assert_non_null(strstr(sc_strs_at(&h.records, 0), "\"argv\":[\"--n=3\",\"--\",\"-q\",\"?\"]"));
    sc_header_free(&h);
}

static bool has_nameless_files = true;

/* The library's calls come here, so that it can be shown a file system without O_TMPFILE. */
int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_TMPFILE) == O_TMPFILE && !has_nameless_files) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {
        va_list ap;
        va_start(ap, flags);
        mode = va_arg(ap, mode_t);
        va_end(ap);
    }
    return openat(AT_FDCWD, path, flags, mode);
}

static int files_in(const char *dir)
{
    struct dirent **names;
    const int n = scandir(dir, &names, NULL, NULL);
    for (int k = 0; k < n; k++)
        free(names[k]);
    if (n >= 0)
        free(names);
    return n - 2; /* . and .. */
}

static void write_text(sc_output *o, const char *path, const char *text)
{
    sc_err e;
    ok(sc_output_open(o, path, true, &e), &e);
    assert_int_equal(write(o->fd, text, strlen(text)), strlen(text));
}

static void check_output(const char *dir, const char *path)
{
    sc_err e;
    sc_output o;
    struct stat s;
    write_text(&o, path, "abc");
    assert_int_not_equal(stat(path, &s), 0);
    assert_int_equal(files_in(dir), !has_nameless_files);
    sc_output_abandon(&o);
    assert_int_equal(files_in(dir), 0);
    for (int k = 0; k < 2; k++) { /* a new file, then one in place of another */
        const mode_t mask = umask(k ? 027 : 02);
        write_text(&o, path, k ? "abcde" : "abc");
        ok(sc_output_commit(&o, &e), &e);
        sc_output_abandon(&o);
        (void)umask(mask);
        assert_int_equal(stat(path, &s), 0);
        assert_int_equal(s.st_size, k ? 5 : 3);
        assert_int_equal(s.st_mode & 0777, k ? 0640 : 0664);
        assert_int_equal(files_in(dir), 1);
    }
    assert_int_equal(unlink(path), 0);
    write_text(&o, path, "abc");
    assert_int_equal(mkdir(path, 0755), 0); /* which nothing can replace */
    assert_int_equal(sc_output_commit(&o, &e), SC_EIO);
    assert_int_equal(sc_output_open(&o, path, true, &e), SC_EIO); /* and is told at once */
    assert_int_equal(files_in(dir), 1);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(sc_output_open(&o, "/nowhere/out", true, &e), SC_EIO);
    sc_output_abandon(&o);
}

static void output_appears_whole(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/out", dir);
    has_nameless_files = false;
    check_output(dir, path);
    has_nameless_files = true;
    const int fd = open(dir, O_TMPFILE | O_RDWR, 0600);
    has_nameless_files = fd >= 0;
    if (has_nameless_files)
        (void)close(fd);
    check_output(dir, path);
    assert_int_equal(chdir(dir), 0);
    check_output(dir, "out"); /* without a folder in its name */
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found),        cmocka_unit_test(text_must_be_utf8),
        cmocka_unit_test(names_become_unique),    cmocka_unit_test(near_names_are_listed),
        cmocka_unit_test(tables_are_taken_apart), cmocka_unit_test(columns_are_taken),
        cmocka_unit_test(counts_are_chosen),      cmocka_unit_test(records_leave_out_threads),
        cmocka_unit_test(output_appears_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
