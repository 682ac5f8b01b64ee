/* Numbers of saved models: tensors of every dtype and layout, levels as Python prints them. */
#include "pt_model.h"
#include "sc_zip_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct saved {
    const char *storage_class;
    const char *storage;
    size_t n_bytes;
    const char *layout; /* count; offset, sizes, strides as a pickle has them */
    size_t layout_n;
    float expected[6];
} saved;

#define S(s) s, sizeof s - 1

/* A model of one tensor, put together byte by byte. */
static sc_pt *open_tensor(const saved *t)
{
    sc_bytes b = {0};
    sc_zip_writer z = {0};
    sc_err err = {0};
    sc_pt *pt;
    const struct {
        const char *s;
        size_t n;
    } parts[] = {
        {S("\x80\2}(X\20\0\0\0model_state_dict}X\1\0\0\0tctorch._utils\n_rebuild_tensor_v2\n"
           "((X\7\0\0\0storagectorch\n")},
        {t->storage_class, strlen(t->storage_class)},
        {S("\nX\1\0\0\0"
           "0X\3\0\0\0cpu")},
        {t->layout, t->layout_n},
        {S("\x89)tRsX\11\0\0\0var_names]X\11\0\0\0attr_dict}X\11\0\0\0registry_}su.")},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_int_equal(sc_bytes_put(&b, parts[i].s, parts[i].n, &err), SC_OK);
    assert_int_equal(sc_zip_put(&z, "top/data.pkl", b.p, b.n, &err), SC_OK);
    assert_int_equal(sc_zip_put(&z, "top/data/0", t->storage, t->n_bytes, &err), SC_OK);
    assert_int_equal(sc_zip_finish(&z, &err), SC_OK);
    if (sc_pt_decode(&pt, z.file.p, z.file.n, &err) != SC_OK)
        fail_msg("%s: %s", t->storage_class, err.msg);
    free(b.p);
    sc_zip_writer_free(&z);
    return pt;
}

static void converts_every_dtype(void **state)
{
    (void)state;
#define TWO "K\2tQK\0K\2\x85K\1\x85"
#define SIX "K\6tQ"
    static const char six[] = "\1\2\3\4\5\6";
    static const saved cases[] = {
        {"FloatStorage", S("\0\0\x80\x3f\0\0\x20\xc0"), S(TWO), {1, -2.5f}},
        {"DoubleStorage", S("\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\x04\xc0"), S(TWO), {1, -2.5f}},
        {"HalfStorage", S("\0\x3c\0\xc1"), S(TWO), {1, -2.5f}},
        {"HalfStorage", S("\1\0\xff\x7b"), S(TWO), {0x1p-24f, 65504}}, /* the ends of its range */
        {"BFloat16Storage", S("\x80\x3f\x20\xc0"), S(TWO), {1, -2.5f}},
        {"LongStorage", S("\3\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), S(TWO), {3, -1}},
        {"IntStorage", S("\3\0\0\0\xfe\xff\xff\xff"), S(TWO), {3, -2}},
        {"ShortStorage", S("\3\0\0\x80"), S(TWO), {3, -32768}},
        {"CharStorage", S("\3\x80"), S(TWO), {3, -128}},
        {"ByteStorage", S("\3\x80"), S(TWO), {3, 128}},
        {"BoolStorage", S("\0\1"), S(TWO), {0, 1}},
        /* strided: as it lies, transposed, a row of the transposed, one element as a scalar */
        {"ByteStorage", six, 6, S(SIX "K\0K\2K\3\x86K\3K\1\x86"), {1, 2, 3, 4, 5, 6}},
        {"ByteStorage", six, 6, S(SIX "K\0K\3K\2\x86K\1K\3\x86"), {1, 4, 2, 5, 3, 6}},
        {"ByteStorage", six, 6, S(SIX "K\1K\1K\2\x86K\1K\3\x86"), {2, 5}},
        {"ByteStorage", six, 6, S(SIX "K\5))"), {6}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sc_pt *pt = open_tensor(&cases[i]);
        const sc_pt_tensor *t = sc_pt_tensor_named(pt, "t");
        assert_non_null(t);
        assert_memory_equal(t->data, cases[i].expected, t->n * sizeof *t->data);
        sc_pt_close(pt);
    }
}

/* Levels that are floats are what Python's str() makes of them. */
static void prints_floats_as_python_does(void **state)
{
    (void)state;
    static const struct {
        double d;
        const char *text;
    } cases[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {100000, "100000.0"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {1.5e-7, "1.5e-07"},
        {0.0001, "0.0001"},
        {123456789.125, "123456789.125"},
    };
    sc_err err = {0};
    sc_pt_writer *w;
    sc_pt *pt;
    const void *bytes;
    size_t n;
    assert_int_equal(sc_pt_writer_new(&w, &err), SC_OK);
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "model_state_dict");
    sc_pt_put_ordered(w);
    sc_pt_put_end(w);
    sc_pt_put_text(w, "attr_dict");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "registry_");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_end(w);
    sc_pt_put_end(w);
    sc_pt_put_text(w, "var_names");
    sc_pt_put_begin(w, SC_PT_LIST);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        sc_pt_put_real(w, cases[i].d);
    sc_pt_put_end(w);
    sc_pt_put_end(w);
    assert_int_equal(sc_pt_writer_finish(w, &bytes, &n, &err), SC_OK);
    assert_int_equal(sc_pt_decode(&pt, bytes, n, &err), SC_OK);
    const sc_pt_names names = sc_pt_modality_at(pt, 0)->vars;
    assert_int_equal(names.n, sizeof cases / sizeof *cases);
    for (size_t i = 0; i < names.n; i++)
        assert_string_equal(names.s[i], cases[i].text);
    sc_pt_close(pt);
    sc_pt_writer_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts_every_dtype),
        cmocka_unit_test(prints_floats_as_python_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
