/* Saved models that mean harm, or were harmed: one sentence each, no crash, no memory for nothing.
 */
#include "pt_model.h"
#include "sc_zip.h"
#include "sc_zip_write.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* An archive with this pickle and a storage '0' of 16 bytes. */
static sc_zip_writer archive(const void *pickle, size_t n)
{
    sc_zip_writer z = {0};
    sc_err err;
    assert_int_equal(sc_zip_put(&z, "m/data.pkl", pickle, n, &err), SC_OK);
    assert_int_equal(sc_zip_put(&z, "m/data/0", "0123456789abcdef", 16, &err), SC_OK);
    assert_int_equal(sc_zip_finish(&z, &err), SC_OK);
    return z;
}

static void refuse(const void *file, size_t n, const char *why)
{
    /* a copy of its own, so that a read behind the end is seen */
    unsigned char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, file, n);
    sc_pt *pt;
    sc_err err = {0};
    const sc_status st = sc_pt_decode(&pt, copy, n, &err);
    free(copy);
    assert_int_equal(st, SC_EFORMAT);
    assert_null(pt);
    if (!strstr(err.msg, why))
        fail_msg("expected '%s', got '%s'", why, err.msg);
}

static void refuse_pickle(const void *pickle, size_t n, const char *why)
{
    sc_zip_writer z = archive(pickle, n);
    refuse(z.file.p, z.file.n, why);
    sc_zip_writer_free(&z);
}

typedef struct hostile {
    const char *pickle;
    size_t n;
    const char *why;
} hostile;

#define P(pickle, why)                                                                             \
    {                                                                                              \
        pickle, sizeof pickle - 1, why                                                             \
    }
#define STORAGE(count)                                                                             \
    "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"                                             \
    "0X\3\0\0\0cpu" count "tQ"
#define TENSOR(count, rest)                                                                        \
    P("\x80\2ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE(count) rest "\x89)tR.", "")

static void refuses_names(void **state)
{
    (void)state;
    static const hostile cases[] = {
        P("\x80\2cos\nsystem\nX\2\0\0\0id\x85R.", "'os.system'"),
        P("\x80\2cposix\nsystem\nX\2\0\0\0id\x85R.", "'posix.system'"),
        P("\x80\2c__builtin__\neval\nX\1\0\0\0"
          "1\x85R.",
          "'__builtin__.eval'"),
        P("\x80\2cbuiltins\nexec\nX\1\0\0\0"
          "1\x85R.",
          "'builtins.exec'"),
        P("\x80\2cbuiltins\ngetattr\nccollections\nOrderedDict\nX\1\0\0\0"
          "a\x86R.",
          "'builtins.getattr'"),
        P("\x80\2csubprocess\nPopen\n]\x85R.", "'subprocess.Popen'"),
        P("\x80\2ctorch.storage\n_load_from_bytes\n)R.", "'torch.storage._load_from_bytes'"),
        P("\x80\2cpandas.core.indexes.base\nos.system\n)R.",
          "'pandas.core.indexes.base.os.system'"),
        P("\x80\2cpandas.io.pickle\nread_pickle\n)R.", "'pandas.io.pickle.read_pickle'"),
        P("\x80\4\x8c\2os\x8c\6system\x93\x8c\2id\x85R.", "'os.system'"),
        P("\x80\2c\33[2J\nx\n.", "'?[2J.x'"),
        P("\x80\2(cos\nsystem\nX\2\0\0\0ido.", "'os.system'"),
        P("\x80\2(X\2\0\0\0idios\nsystem\n.", "opcode 0x69"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse_pickle(cases[i].pickle, cases[i].n, cases[i].why);
}

static void refuses_damaged_pickles(void **state)
{
    (void)state;
    static const hostile cases[] = {
        P("", "ends early"),
        P(".", "more from its stack"),
        P("\x80\2}", "ends early"),
        P("\x80\2X\xff\xff\xff\xff"
          "a.",
          "string of 4294967295 bytes, but 2 are left"),
        P("\x80\2X\2\0\0\0\xc3\x28.", "isn't UTF-8"),
        P("\x80\2\x8a\xff.", "more than 64 bits"),
        P("\x80\2Nr\xff\xff\xff\xff.", "impossible memo index 4294967295"),
        P("\x80\2h\7.", "memo 7, which was never set"),
        P("\x80\2t.", "mark that isn't there"),
        P("\x80\2q\0.", "remembers a value"),
        P("\x80\2(q\0.", "remembers a value"),
        P("\x80\2(R.", "more from its stack"),
        P("\x80\2}(Nu.", "dict key without a value"),
        P("\x80\2}Na.", "no list"),
        P("\x80\2NN\x85R.", "no name"),
        P("\x80\2NNb.", "a state"),
        P("\x80\2NQ.", "no storage"),
        P("\x80\2ctorch\nFloatStorage\n)R.", "no function"),
        P("\x80\2cos", "ends early"),
        P("\x80\2c_codecs\nencode\nX\3\0\0\0\xe2\x82\xacX\6\0\0\0latin1\x86R.", "above 255"),
        P("\x80\2c_codecs\nencode\nX\1\0\0\0aX\5\0\0\0utf-8\x86R.", "another way"),
        P("\x80\2ccollections\nOrderedDict\n]K\1a\x85R.", "list of pairs"),
        P("\x80\2K\1.", "holds no dict"),
        P("\x80\2}.", "no model_state_dict"),
        P("\x80\2}X\20\0\0\0model_state_dict}X\1\0\0\0aK\1ss.",
          "'a' of the state dict is no tensor"),
        P("\x80\xff}.", "protocol 255"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse_pickle(cases[i].pickle, cases[i].n, cases[i].why);
}

static void refuses_tensors_outside_their_storage(void **state)
{
    (void)state;
    static const hostile cases[] = {
        TENSOR("K\5", "K\0K\4\x85K\1\x85"),                  /* 5 elements said, 4 are there */
        TENSOR("K\4", "K\0K\5\x85K\1\x85"),                  /* too many */
        TENSOR("K\4", "K\1K\4\x85K\1\x85"),                  /* an offset moves it out */
        TENSOR("K\4", "J\xff\xff\xff\xffK\4\x85K\1\x85"),    /* an offset before the beginning */
        TENSOR("K\4", "K\0K\2\x85K\4\x85"),                  /* a stride leads out */
        TENSOR("K\4", "K\0K\2\x85J\xff\xff\xff\xff\x85"),    /* a stride leads back */
        TENSOR("K\4", "K\0K\5\x85K\0\x85"),                  /* one element, five times */
        TENSOR("K\4", "K\0K\2K\2\x86K\1\x85"),               /* a stride is missing */
        TENSOR("K\4", "K\0\x8a\7\0\0\0\0\0\0\1\x85K\0\x85"), /* 2^48 elements */
        TENSOR("K\4", "K\0J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x87K\0K\0K\0\x87"),
        TENSOR("K\4", "K\0K\0\x8a\10\xff\xff\xff\xff\xff\xff\xff\x7f\x86K\1K\1\x86"),
        TENSOR("K\4", "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"),
        TENSOR("J\xff\xff\xff\xff", "K\0K\4\x85K\1\x85"),
        TENSOR("N", "K\0K\4\x85K\1\x85"),
        TENSOR("K\4", "NK\4\x85K\1\x85"),
        TENSOR("K\4", "K\0NN"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse_pickle(cases[i].pickle, cases[i].n, "data.pkl: byte ");
    /* the same words about a tensor that is right are no reason to refuse it */
    static const hostile right = TENSOR("K\4", "K\0K\2K\2\x86K\2K\1\x86");
    refuse_pickle(right.pickle, right.n, "data.pkl holds no dict");
}

/* Takes n copies of unit between head and tail. */
static void refuse_repeated(const char *head, size_t head_n, const char *unit, size_t unit_n,
                            size_t n, const char *tail, size_t tail_n, const char *why)
{
    sc_bytes b = {0};
    sc_err err;
    assert_int_equal(sc_bytes_put(&b, head, head_n, &err), SC_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(sc_bytes_put(&b, unit, unit_n, &err), SC_OK);
    assert_int_equal(sc_bytes_put(&b, tail, tail_n, &err), SC_OK);
    refuse_pickle(b.p, b.n, why);
    free(b.p);
}

#define S(s) s, sizeof s - 1

static void refuses_bombs(void **state)
{
    (void)state;
    const size_t many = 300000;
    refuse_repeated(S("\x80\2"), S("("), many, S("."), "more from its stack");
    refuse_repeated(S("\x80\2"), S("]"), many, S("."), "holds no dict");
    refuse_repeated(S("\x80\2N"), S("\x85"), many, S("."), "holds no dict"); /* as deep as long */
    /* a list of itself */
    refuse_repeated(S("\x80\2]q\0"), S("h\0a"), many, S("."), "holds no dict");
    refuse_repeated(S("\x80\2ccollections\nOrderedDict\nq\0]q\1(NN\x86q\2"), S("h\2"), 1000,
                    S("eh\1\x85q\3."), "holds no dict");
    /* fifty thousand pairs, made into a thousand dicts of three bytes each */
    sc_bytes b = {0};
    sc_err err;
    assert_int_equal(sc_bytes_put(&b, S("\x80\2ccollections\nOrderedDict\nq\0NN\x86q\2]("), &err),
                     SC_OK);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(sc_bytes_put(&b, S("h\2"), &err), SC_OK);
    assert_int_equal(sc_bytes_put(&b, S("e\x85q\1"), &err), SC_OK);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(sc_bytes_put(&b, S("h\0h\1R"), &err), SC_OK);
    refuse_pickle(b.p, b.n, "more memory than a file of its size can justify");
    free(b.p);
}

static sc_zip_writer small_model(void)
{
    sc_err err = {0};
    sc_pt_writer *w;
    const void *bytes;
    size_t n;
    sc_zip_writer copy = {0};
    assert_int_equal(sc_pt_writer_new(&w, &err), SC_OK);
    pt_model_put(w);
    assert_int_equal(sc_pt_writer_finish(w, &bytes, &n, &err), SC_OK);
    assert_int_equal(sc_bytes_put(&copy.file, bytes, n, &err), SC_OK);
    sc_pt_writer_free(w);
    return copy;
}

static void refuses_every_cut(void **state)
{
    (void)state;
    sc_zip_writer z = small_model();
    for (size_t n = 0; n < z.file.n; n++)
        refuse(z.file.p, n, "");
    sc_zip_writer_free(&z);
}

static bool is_model(const unsigned char *file, size_t n)
{
    sc_pt *pt;
    sc_err err = {0};
    const bool ok = sc_pt_decode(&pt, file, n, &err) == SC_OK;
    assert_true(ok || (err.status == SC_EFORMAT && err.msg[0]));
    sc_pt_close(pt);
    return ok;
}

/* A flip in members that are read is refused; elsewhere (dates, attributes) it may do no harm. */
static void survives_every_flip(void **state)
{
    (void)state;
    sc_zip_writer z = small_model();
    sc_zip dir;
    sc_err err;
    const sc_zip_member *m;
    assert_int_equal(sc_zip_open(&dir, z.file.p, z.file.n, &err), SC_OK);
    assert_int_equal(sc_zip_find(&dir, "model/data.pkl", &m, &err), SC_OK);
    const size_t first = (size_t)(m->data - z.file.p), last = first + m->n;
    sc_zip_close(&dir);
    for (size_t bit = 0; bit < 8 * z.file.n; bit++) {
        z.file.p[bit / 8] ^= (unsigned char)(1 << bit % 8);
        const bool ok = is_model(z.file.p, z.file.n);
        if (ok && bit / 8 >= first && bit / 8 < last)
            fail_msg("bit %zu of byte %zu is not missed", bit % 8, bit / 8);
        z.file.p[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    sc_zip_writer_free(&z);
}

/* The same flips where no checksum catches them: behind it, in the pickle. */
static void survives_every_flip_in_the_pickle(void **state)
{
    (void)state;
    sc_zip_writer z = small_model();
    sc_zip dir;
    sc_err err;
    const sc_zip_member *m;
    assert_int_equal(sc_zip_open(&dir, z.file.p, z.file.n, &err), SC_OK);
    assert_int_equal(sc_zip_find(&dir, "model/data.pkl", &m, &err), SC_OK);
    unsigned char *pickle = malloc(m->n);
    const size_t n = m->n;
    assert_non_null(pickle);
    memcpy(pickle, m->data, n);
    sc_zip_close(&dir);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        pickle[bit / 8] ^= (unsigned char)(1 << bit % 8);
        sc_zip_writer flipped = archive(pickle, n);
        (void)is_model(flipped.file.p, flipped.file.n);
        sc_zip_writer_free(&flipped);
        pickle[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(pickle);
    sc_zip_writer_free(&z);
}

/* The little-endian number of size bytes at the first place of tag, plus at, is set. */
static void refuse_patched(const char *tag, size_t skip, size_t at, int size, uint32_t value,
                           const char *why)
{
    sc_zip_writer z = archive("\x80\2}.", 4);
    unsigned char *p = z.file.p;
    for (size_t k = 0;; p++) {
        assert_true(p + 4 <= z.file.p + z.file.n);
        if (memcmp(p, tag, 4) == 0 && k++ == skip)
            break;
    }
    for (int k = 0; k < size; k++)
        p[at + (size_t)k] = (unsigned char)(value >> (8 * k));
    refuse(z.file.p, z.file.n, why);
    sc_zip_writer_free(&z);
}

static void refuses_zips_that_lie(void **state)
{
    (void)state;
    refuse("", 0, "not a zip");
    refuse("hello, world", 12, "not a zip");
    refuse("\x80\2\x8a\x0a", 4, "bare pickle");
    refuse_patched("PK\1\2", 0, 10, 2, 8, "'m/data.pkl' is compressed");
    refuse_patched("PK\1\2", 0, 24, 4, 0xfffffff0, "'m/data.pkl' is compressed");
    refuse_patched("PK\1\2", 0, 8, 2, 1, "'m/data.pkl' is encrypted");
    refuse_patched("PK\1\2", 1, 42, 4, 0x7fffffff, "'m/data/0' does not lie in the file");
    refuse_patched("PK\1\2", 1, 42, 4, 0, "'m/data/0' has another name");
    refuse_patched("PK\3\4", 0, 30, 1, 'x', "another name");
    refuse_patched("PK\1\2", 0, 16, 4, 0, "'m/data.pkl' is damaged");
    refuse_patched("PK\5\6", 0, 10, 2, 60000, "directory does not lie");
    refuse_patched("PK\5\6", 0, 12, 4, 0x7fffffff, "directory does not lie");
    refuse_patched("PK\5\6", 0, 16, 4, 0xffffffff, "directory does not lie");
    refuse_patched("PK\5\6", 0, 20, 2, 5, "no directory");

    sc_zip_writer z = {0};
    sc_err err;
    assert_int_equal(sc_zip_put(&z, "m/data.pkl", "N.", 2, &err), SC_OK);
    assert_int_equal(sc_zip_put(&z, "m/data.pkl", "N.", 2, &err), SC_OK);
    assert_int_equal(sc_zip_finish(&z, &err), SC_OK);
    refuse(z.file.p, z.file.n, "'m/data.pkl' occurs twice");
    sc_zip_writer_free(&z);
    assert_int_equal(sc_zip_put(&z, "m/other", "N.", 2, &err), SC_OK);
    assert_int_equal(sc_zip_finish(&z, &err), SC_OK);
    refuse(z.file.p, z.file.n, "without data.pkl");
    sc_zip_writer_free(&z);
}

static void refuses_versions(void **state)
{
    (void)state;
    static const char *const bad[] = {"99\n",   "0", "11", "", "3x\n", "-3", "99999999999999999999",
                                      "\33[31m"};
    static const char *const good[] = {"3\n", "3", "1\n", "10\n"};
    sc_err err = {0};
    for (size_t k = 0; k < sizeof bad / sizeof *bad + sizeof good / sizeof *good; k++) {
        const bool is_bad = k < sizeof bad / sizeof *bad;
        const char *version = is_bad ? bad[k] : good[k - sizeof bad / sizeof *bad];
        sc_zip_writer z = {0};
        assert_int_equal(sc_zip_put(&z, "m/data.pkl", "N.", 2, &err), SC_OK);
        assert_int_equal(sc_zip_put(&z, "m/version", version, strlen(version), &err), SC_OK);
        assert_int_equal(sc_zip_finish(&z, &err), SC_OK);
        refuse(z.file.p, z.file.n,
               is_bad ? "of torch's file format: only 1 to 10 are read" : "data.pkl holds no dict");
        sc_zip_writer_free(&z);
    }
}

static void says_which_file(void **state)
{
    (void)state;
    sc_pt *pt;
    sc_err err = {0};
    const int empty = open("/dev/null", O_RDONLY), folder = open("/", O_RDONLY);
    assert_int_equal(sc_pt_read(&pt, empty, "model.pt", &err), SC_EFORMAT);
    assert_string_equal(err.msg, "model.pt: empty file");
    assert_int_equal(sc_pt_read(&pt, folder, "folder", &err), SC_EIO);
    assert_string_equal(err.msg, "folder: can't be read: Is a directory");
    assert_null(pt);
    (void)close(empty);
    (void)close(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_names),
        cmocka_unit_test(refuses_damaged_pickles),
        cmocka_unit_test(refuses_tensors_outside_their_storage),
        cmocka_unit_test(refuses_bombs),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(survives_every_flip),
        cmocka_unit_test(survives_every_flip_in_the_pickle),
        cmocka_unit_test(refuses_zips_that_lie),
        cmocka_unit_test(refuses_versions),
        cmocka_unit_test(says_which_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
