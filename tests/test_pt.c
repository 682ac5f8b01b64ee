/* Saved scvi-tools models: every real one is read whole, and its tensors are those that torch has.
 */
#include "pt_model.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_model),         cmocka_unit_test(reads_what_it_writes),
        cmocka_unit_test(finds_values_by_path),      cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(refuses_to_write_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
