/* What numpy puts into a pickle besides arrays of objects: scalars, strings of fixed width,
 * numbers. */
#include "pt_model.h"
#include "sc_zip_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static sc_pt *open_pickle(const char *pickle, size_t n)
{
    sc_zip_writer z = {0};
    sc_err err = {0};
    sc_pt *pt;
    assert_int_equal(sc_zip_put(&z, "archive/data.pkl", pickle, n, &err), SC_OK);
    assert_int_equal(sc_zip_finish(&z, &err), SC_OK);
    if (sc_pt_decode(&pt, z.file.p, z.file.n, &err) != SC_OK)
        fail_msg("%s", err.msg);
    sc_zip_writer_free(&z);
    return pt;
}

static sc_pt *open_numpy_model(void)
{
    return open_pickle(pt_model_numpy, sizeof pt_model_numpy - 1);
}

/* Functions and classes among the arguments of a constructor are names, which no one calls. */
static void reads_names_of_functions(void **state)
{
    static const char pickle[] =
        "\x80\2}(X\20\0\0\0model_state_dict}X\11\0\0\0var_names]X\11\0\0\0attr_dict}("
        "X\14\0\0\0init_params_}X\12\0\0\0non_kwargs}(X\1\0\0\0ac__builtin__\ngetattr\n"
        "ctorch._C\n_VariableFunctionsClass\nX\3\0\0\0exp\x86RX\1\0\0\0bctorch._C._nn\n"
        "softplus\nX\1\0\0\0cctorch.nn.modules.activation\nLeakyReLU\nus"
        "X\11\0\0\0registry_}uu.";
    (void)state;
    sc_pt *pt = open_pickle(pickle, sizeof pickle - 1);
    assert_string_equal(sc_pt_class_name(sc_pt_init_param(pt, "a")), "torch exp");
    assert_string_equal(sc_pt_class_name(sc_pt_init_param(pt, "b")), "torch._C._nn softplus");
    assert_string_equal(sc_pt_class_name(sc_pt_init_param(pt, "c")),
                        "torch.nn.modules.activation LeakyReLU");
    sc_pt_close(pt);
}

static void reads_scalars(void **state)
{
    (void)state;
    sc_pt *pt = open_numpy_model();
    double d = 0;
    int64_t i = 0;
    bool b = false;
    assert_true(sc_pt_as_real(sc_pt_find(pt, "attr_dict/f"), &d) && d == -2.5);
    assert_true(sc_pt_as_int(sc_pt_find(pt, "attr_dict/i"), &i) && i == -2);
    assert_true(sc_pt_as_int(sc_pt_find(pt, "attr_dict/u"), &i) && i == 254);
    assert_true(sc_pt_as_bool(sc_pt_find(pt, "attr_dict/b"), &b) && b);
    assert_string_equal(sc_pt_as_text(sc_pt_find(pt, "attr_dict/s")), "x");
    assert_false(sc_pt_as_int(sc_pt_find(pt, "attr_dict/f"), &i));
    assert_false(sc_pt_as_bool(sc_pt_find(pt, "attr_dict/i"), &b));
    sc_pt_close(pt);
}

static void reads_arrays(void **state)
{
    (void)state;
    sc_pt *pt = open_numpy_model();
    const sc_pt_names genes = sc_pt_modality_at(pt, 0)->vars;
    assert_int_equal(genes.n, 2);
    assert_string_equal(genes.s[0], "\xc2\xb5");
    assert_string_equal(genes.s[1], "\xe2\x82\xac\xf0\x9f\x98\x80");

    sc_pt_names names;
    sc_err err = {0};
    assert_int_equal(sc_pt_texts(pt, sc_pt_find(pt, "attr_dict/m"), "m", &names, &err), SC_OK);
    assert_string_equal(names.s[0], "True");
    assert_string_equal(names.s[1], "False");
    assert_int_equal(sc_pt_texts(pt, sc_pt_find(pt, "attr_dict/h"), "h", &names, &err), SC_OK);
    assert_string_equal(names.s[1], "-2.5");
    assert_int_equal(sc_pt_texts(pt, sc_pt_find(pt, "attr_dict/s"), "s", &names, &err), SC_EFORMAT);
    assert_string_equal(err.msg, "s is no list of names");
    sc_pt_close(pt);
}

/* Written in protocol 2, and read back. */
static void writes_arrays(void **state)
{
    (void)state;
    sc_pt *a = open_numpy_model(), *b;
    sc_err err = {0};
    sc_pt_writer *w;
    const void *bytes;
    size_t n;
    assert_int_equal(sc_pt_writer_new(&w, &err), SC_OK);
    sc_pt_put_value(w, sc_pt_find(a, ""));
    assert_int_equal(sc_pt_writer_finish(w, &bytes, &n, &err), SC_OK);
    assert_int_equal(sc_pt_decode(&b, bytes, n, &err), SC_OK);
    static const char *const paths[] = {"var_names", "attr_dict/m", "attr_dict/h"};
    for (size_t i = 0; i < 3; i++) {
        const sc_pt_ndarray *x = sc_pt_as_ndarray(sc_pt_find(a, paths[i]));
        const sc_pt_ndarray *y = sc_pt_as_ndarray(sc_pt_find(b, paths[i]));
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->item_size, y->item_size);
        assert_int_equal(x->n, y->n);
        assert_memory_equal(x->data, y->data, x->n * x->item_size);
    }
    sc_pt_writer_free(w);
    sc_pt_close(a);
    sc_pt_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_names_of_functions),
        cmocka_unit_test(reads_scalars),
        cmocka_unit_test(reads_arrays),
        cmocka_unit_test(writes_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
