/*
 * Fuzz target for saved scvi-tools models. The first byte of the input says what the rest is: even,
 * a whole file; odd, a pickle, which gets an archive with right checksums around it, so that the
 * interpreter is reached. What can be read is looked at all over, and written again.
 *
 * tests/fuzz/run pt [SECONDS] builds and runs it. With -DSEEDS this is a program that writes the
 * first inputs into the folder it is given.
 */
#include "../pt_model.h"
#include "sc_zip.h"
#include "sc_zip_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Asks a value everything, depth levels down. */
static double look(const sc_pt_value *v, int depth)
{
    double sum = 0, d = 0;
    int64_t i = 0;
    bool b = false;
    if (sc_pt_as_text(v))
        sum += (double)strlen(sc_pt_as_text(v));
    sum += sc_pt_as_real(v, &d) && sc_pt_as_int(v, &i) && sc_pt_as_bool(v, &b);
    sum += sc_pt_class_name(v) ? (double)strlen(sc_pt_class_name(v)) : 0;
    const size_t len = sc_pt_len(v) < 64 ? sc_pt_len(v) : 64;
    for (size_t k = 0; k < len; k++)
        sum += sc_pt_real_at(v, k, &d) ? d : 0;
    if (depth == 0)
        return sum;
    for (size_t k = 0; k < len; k++)
        sum += look(sc_pt_key(v, k), depth - 1) + look(sc_pt_item(v, k), depth - 1);
    return sum;
}

static void use(sc_pt *pt)
{
    volatile double sum = look(sc_pt_find(pt, ""), 3);
    for (size_t i = 0; i < sc_pt_n_tensors(pt); i++) {
        const sc_pt_tensor *t = sc_pt_tensor_at(pt, i);
        for (size_t k = 0; k < t->n; k++)
            sum = sum + (double)t->data[k];
    }
    sc_err err = {0};
    sc_pt_names names;
    if (sc_pt_texts(pt, sc_pt_find(pt, "attr_dict/train_indices_"), "indices", &names, &err) ==
        SC_OK)
        for (size_t i = 0; i < names.n; i++)
            sum = sum + (double)strlen(names.s[i]);

    sc_pt_writer *w;
    const void *bytes;
    size_t n;
    check(sc_pt_writer_new(&w, &err) == SC_OK);
    sc_pt_put_value(w, sc_pt_find(pt, ""));
    if (sc_pt_writer_finish(w, &bytes, &n, &err) != SC_OK)
        check(err.msg[0]);
    sc_pt_writer_free(w);
}

static void decode(const void *bytes, size_t n)
{
    sc_pt *pt = NULL;
    sc_err err = {0};
    const sc_status st = sc_pt_decode(&pt, bytes, n, &err);
    check(st == SC_OK ? pt != NULL : pt == NULL && err.msg[0]);
    if (pt)
        use(pt);
    sc_pt_close(pt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    if (data[0] % 2 == 0) {
        decode(data + 1, n - 1);
        return 0;
    }
    sc_zip_writer z = {0};
    sc_err err;
    static const float storage[] = {1, 2, 3, 4, 5, 6}; /* of the sizes that the small model has */
    check(sc_zip_put(&z, "model/data.pkl", data + 1, n - 1, &err) == SC_OK);
    check(sc_zip_put(&z, "model/data/0", storage, sizeof storage, &err) == SC_OK);
    check(sc_zip_put(&z, "model/data/1", storage, 8, &err) == SC_OK);
    check(sc_zip_finish(&z, &err) == SC_OK);
    decode(z.file.p, z.file.n);
    sc_zip_writer_free(&z);
    return 0;
}

#ifdef SEEDS
static void write_seed(const char *dir, const char *name, char mode, const void *bytes, size_t n)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    check(f && fputc(mode, f) != EOF && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

/* Names and shapes that real files have and the small model hasn't. */
static const char frame[] =
    "\x80\2}(X\20\0\0\0model_state_dictccollections\nOrderedDict\n)RX\11\0\0\0var_names]X\1\0\0\0Aa"
    "X\11\0\0\0attr_dict}(X\11\0\0\0registry_ccollections\ndefaultdict\nc__builtin__\ndict\n\x85R"
    "X\10\0\0\0history_cpandas.core.frame\nDataFrame\n)\x81}X\4\0\0\0_mgrcpandas.core.internals."
    "managers\nBlockManager\nc__builtin__\nslice\nK\0K\1K\1\x87R\x85Rsbuu.";

/* Functions and layers among the arguments of a constructor. */
static const char functions[] =
    "\x80\2}(X\20\0\0\0model_state_dict}X\11\0\0\0var_names]X\11\0\0\0attr_dict}(X\14\0\0\0init_"
    "params_"
    "}(X\1\0\0\0ac__builtin__\ngetattr\nctorch._C\n_VariableFunctionsClass\nX\3\0\0\0exp\x86R"
    "X\1\0\0\0bctorch._C._nn\nsoftplus\nX\1\0\0\0cctorch.nn.modules."
    "activation\nReLU\nuX\11\0\0\0registry_}uu.";

int main(int argc, char **argv)
{
    sc_pt_writer *w;
    sc_err err = {0};
    sc_zip z;
    const sc_zip_member *m = NULL;
    const void *bytes;
    size_t n;
    check(argc == 2 && sc_pt_writer_new(&w, &err) == SC_OK);
    pt_model_put(w);
    check(sc_pt_writer_finish(w, &bytes, &n, &err) == SC_OK);
    write_seed(argv[1], "file", 0, bytes, n);
    check(sc_zip_open(&z, bytes, n, &err) == SC_OK);
    check(sc_zip_find(&z, "model/data.pkl", &m, &err) == SC_OK && m);
    write_seed(argv[1], "pickle", 1, m->data, m->n);
    write_seed(argv[1], "frame", 1, frame, sizeof frame - 1);
    write_seed(argv[1], "functions", 1, functions, sizeof functions - 1);
    write_seed(argv[1], "numpy", 1, pt_model_numpy, sizeof pt_model_numpy - 1);
    sc_zip_close(&z);
    sc_pt_writer_free(w);
    return 0;
}
#endif
