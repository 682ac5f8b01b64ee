/* Saved scvi-tools models: every real one is read whole, and its tensors are those that torch has.
 */
#include "pt_model.h"
#include "sc_zip_write.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *shared(void)
{
    const char *dir = getenv("SLUICE_SHARED");
    return dir ? dir : "../shared";
}

static sc_pt *open_model(const char *path)
{
    sc_err err = {0};
    sc_pt *pt = NULL;
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || sc_pt_read(&pt, fd, path, &err) != SC_OK)
        fail_msg("%s: %s", path, err.msg);
    (void)close(fd);
    return pt;
}

/* What every model has: names, sizes, finite numbers. */
static void check_model(const sc_pt *pt, const char *path)
{
    const sc_pt_registry *r = sc_pt_get_registry(pt);
    int64_t n_latent;
    assert_non_null(r->model_name);
    assert_non_null(r->scvi_version);
    assert_true(sc_pt_as_int(sc_pt_init_param(pt, "n_latent"), &n_latent));
    assert_true(n_latent > 0);
    assert_true(sc_pt_n_modalities(pt) > 0);
    assert_true(sc_pt_modality_at(pt, 0)->vars.n > 0);
    assert_true(sc_pt_n_tensors(pt) > 10);
    for (size_t i = 0; i < sc_pt_n_tensors(pt); i++) {
        const sc_pt_tensor *t = sc_pt_tensor_at(pt, i);
        size_t n = 1;
        for (int k = 0; k < t->n_dims; k++)
            n *= (size_t)t->dims[k];
        assert_int_equal(n, t->n);
        for (size_t k = 0; k < n; k++)
            if (!isfinite(t->data[k]))
                fail_msg("%s: %s is not finite", path, t->name);
    }
}

/* params.tsv: name, kind, shape ("3,4", "-" for a scalar), count, ... one row a tensor, in order.
 */
static void check_params(const sc_pt *pt, FILE *f)
{
    char line[4096];
    size_t i = 0;
    assert_non_null(fgets(line, sizeof line, f));
    for (; fgets(line, sizeof line, f); i++) {
        const sc_pt_tensor *t = sc_pt_tensor_at(pt, i);
        assert_non_null(t);
        const char *name = strtok(line, "\t");
        assert_string_equal(name, t->name);
        (void)strtok(NULL, "\t");
        const char *s = strtok(NULL, "\t");
        int n_dims = 0;
        for (; *s >= '0' && *s <= '9'; s += strspn(s, ", x")) {
            char *end;
            assert_int_equal(strtol(s, &end, 10), t->dims[n_dims++]);
            s = end;
        }
        assert_int_equal(n_dims, t->n_dims);
        assert_int_equal(strtol(strtok(NULL, "\t"), NULL, 10), t->n);
    }
    assert_int_equal(i, sc_pt_n_tensors(pt));
}

/* Checks DIR/CASE/FILE of all cases; gives how many there are. */
static int check_folder(const char *folder, const char *file)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", shared(), folder);
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    int n = 0;
    for (const struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s/%s/%s", shared(), folder, e->d_name, file);
        if (access(path, R_OK) != 0)
            continue;
        sc_pt *pt = open_model(path);
        check_model(pt, path);
        (void)snprintf(path, sizeof path, "%s/%s/%s/train/params.tsv", shared(), folder, e->d_name);
        FILE *f = strcmp(file, "model.pt") == 0 ? fopen(path, "r") : NULL;
        if (f) {
            check_params(pt, f);
            (void)fclose(f);
        }
        sc_pt_close(pt);
        n++;
    }
    (void)closedir(dir);
    return n;
}

static void need_shared(void)
{
    if (access(shared(), R_OK) != 0)
        skip();
}

static void reads_every_model(void **state)
{
    (void)state;
    need_shared();
    assert_int_equal(check_folder("parity", "model.pt"), 26);
    assert_int_equal(check_folder("parity", "ref_model.pt"), 3);
    assert_int_equal(check_folder("data/models", "model.pt"), 3);
}

static sc_pt *small_model(void)
{
    sc_err err = {0};
    sc_pt_writer *w;
    sc_pt *pt;
    const void *bytes;
    size_t n;
    assert_int_equal(sc_pt_writer_new(&w, &err), SC_OK);
    pt_model_put(w);
    assert_int_equal(sc_pt_writer_finish(w, &bytes, &n, &err), SC_OK);
    if (sc_pt_decode(&pt, bytes, n, &err) != SC_OK)
        fail_msg("%s", err.msg);
    sc_pt_writer_free(w);
    return pt;
}

static void reads_what_it_writes(void **state)
{
    (void)state;
    sc_pt *pt = small_model();
    static const float weight[] = {0.5f, -1.25f, 3e-8f, 1e30f, 0.0f, -0.0f};
    assert_int_equal(sc_pt_n_tensors(pt), 2);
    const sc_pt_tensor *t = sc_pt_tensor_named(pt, "weight");
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->dims[0], 3);
    assert_int_equal(t->dims[1], 2);
    assert_memory_equal(t->data, weight, sizeof weight);
    t = sc_pt_tensor_at(pt, 1);
    assert_string_equal(t->name, "num_batches_tracked");
    assert_int_equal(t->n_dims, 0);
    assert_true(t->data[0] == 7);
    assert_int_equal(t->dtype, SC_PT_I64);
    assert_null(sc_pt_tensor_named(pt, "pyro_param_store"));

    assert_int_equal(sc_pt_n_modalities(pt), 1);
    assert_string_equal(sc_pt_modality_at(pt, 0)->vars.s[2], "ADA");
    const sc_pt_registry *r = sc_pt_get_registry(pt);
    assert_string_equal(r->model_name, "SCVI");
    assert_null(r->scvi_version);
    assert_string_equal(r->batch.key, "tech");
    assert_int_equal(r->batch.levels.n, 3);
    assert_string_equal(r->batch.levels.s[2], "5p");
    assert_int_equal(r->labels.levels.n, 0);
    assert_string_equal(r->proteins.s[1], "CD4\xc2\xb5");
    assert_int_equal(r->n_masks, 1);
    assert_string_equal(r->masks[0].batch, "0");
    assert_int_equal(r->masks[0].seen[0], 1);
    assert_int_equal(r->masks[0].seen[1], 0);
    sc_pt_close(pt);
}

static void finds_values_by_path(void **state)
{
    (void)state;
    sc_pt *pt = small_model();
    int64_t i = 0;
    double d = 0;
    bool b = false;
    assert_true(sc_pt_as_int(sc_pt_find(pt, "attr_dict/init_params_/non_kwargs/n_latent"), &i) &&
                i == 10);
    assert_true(sc_pt_as_real(sc_pt_init_param(pt, "dropout_rate"), &d) && d == 0.1);
    assert_string_equal(sc_pt_as_text(sc_pt_init_param(pt, "use_batch_norm")), "both");
    assert_true(sc_pt_as_bool(sc_pt_find(pt, "attr_dict/is_trained_"), &b) && b);
    assert_true(sc_pt_as_int(sc_pt_find(pt, "attr_dict/big"), &i) && i == INT64_MIN);
    const sc_pt_value *cells = sc_pt_find(pt, "attr_dict/train_indices_");
    assert_int_equal(sc_pt_len(cells), 4);
    assert_true(sc_pt_real_at(cells, 1, &d) && d == 200);
    assert_true(sc_pt_real_at(cells, 2, &d) && d == -1);
    assert_false(sc_pt_real_at(cells, 4, &d));
    assert_string_equal(sc_pt_as_text(sc_pt_find(pt, "var_names/1")), "NAT2");
    assert_null(sc_pt_find(pt, "var_names/3"));
    assert_null(sc_pt_find(pt, "attr_dict/nothing/there"));
    assert_null(sc_pt_init_param(pt, "n_hidden"));
    sc_pt_names names;
    sc_err err = {0};
    assert_int_equal(sc_pt_texts(pt, cells, "cells", &names, &err), SC_OK);
    assert_string_equal(names.s[3], "9223372036854775807");
    sc_pt_close(pt);
}

/* What was read and written again is the same but for the frames that stay behind. */
static void writes_what_it_reads(void **state)
{
    (void)state;
    need_shared();
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/parity/totalvi_missing/model.pt", shared());
    sc_pt *a = open_model(path), *b;
    sc_pt_writer *w;
    sc_err err = {0};
    const void *bytes;
    size_t n;
    assert_int_equal(sc_pt_writer_new(&w, &err), SC_OK);
    sc_pt_put_value(w, sc_pt_find(a, ""));
    assert_int_equal(sc_pt_writer_finish(w, &bytes, &n, &err), SC_OK);
    assert_int_equal(sc_pt_decode(&b, bytes, n, &err), SC_OK);
    sc_pt_writer_free(w);
    check_model(b, "a copy");
    assert_int_equal(sc_pt_n_tensors(a), sc_pt_n_tensors(b));
    for (size_t i = 0; i < sc_pt_n_tensors(a); i++) {
        const sc_pt_tensor *x = sc_pt_tensor_at(a, i), *y = sc_pt_tensor_at(b, i);
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->dtype, y->dtype);
        assert_int_equal(x->n, y->n);
        assert_memory_equal(x->data, y->data, x->n * sizeof *x->data);
    }
    const sc_pt_registry *r = sc_pt_get_registry(b);
    assert_int_equal(r->n_masks, 2);
    assert_int_equal(r->masks[0].n, r->proteins.n);
    sc_pt_close(a);
    sc_pt_close(b);
}

static void refuses_to_write_nonsense(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_pt_writer *w;
    const void *bytes;
    size_t n;
    assert_int_equal(sc_pt_writer_new(&w, &err), SC_OK);
    sc_pt_put_begin(w, SC_PT_DICT);
    assert_int_equal(sc_pt_writer_finish(w, &bytes, &n, &err), SC_EUSAGE);
    sc_pt_writer_free(w);
    assert_int_equal(sc_pt_writer_new(&w, &err), SC_OK);
    sc_pt_put_text(w, "\xff");
    sc_pt_put_end(w); /* a second failure doesn't hide the first */
    assert_int_equal(sc_pt_writer_finish(w, &bytes, &n, &err), SC_EDATA);
    assert_string_equal(err.msg, "a name is not UTF-8");
    sc_pt_writer_free(w);
}

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
    sc_buf b = {0};
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
        assert_int_equal(sc_buf_put(&b, parts[i].s, parts[i].n, &err), SC_OK);
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
        cmocka_unit_test(reads_every_model),
        cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(finds_values_by_path),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(refuses_to_write_nonsense),
        cmocka_unit_test(converts_every_dtype),
        cmocka_unit_test(prints_floats_as_python_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
