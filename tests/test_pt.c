/* Saved scvi-tools models: every real one is read whole, and its tensors are those that torch has.
 */
#include "npy.h"
#include "sc_pt.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
    sc_pt *pt;
    if (sc_pt_open(&pt, path, &err) != SC_OK)
        fail_msg("%s", err.msg);
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
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/parity", shared());
    if (access(path, R_OK) != 0)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
