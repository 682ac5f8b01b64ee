/* A small SCVI model as a file in memory, for the tests of sc_pt. */
#ifndef TESTS_PT_MODEL_H
#define TESTS_PT_MODEL_H

#include "sc_pt_write.h"

static inline void pt_model_category(sc_pt_writer *w, const char *field, const char *key,
                                     sc_pt_names levels)
{
    sc_pt_put_text(w, field);
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "state_registry");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "categorical_mapping");
    sc_pt_put_names(w, levels);
    sc_pt_put_text(w, "original_key");
    sc_pt_put_text(w, key);
    sc_pt_put_end(w);
    sc_pt_put_end(w);
}

static inline void pt_model_proteins(sc_pt_writer *w)
{
    static const char *const names[] = {"CD3", "CD4\xc2\xb5"};
    static const unsigned char seen[] = {1, 0};
    sc_pt_put_text(w, "proteins");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "state_registry");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "column_names");
    sc_pt_put_names(w, (sc_pt_names){.n = 2, .s = names});
    sc_pt_put_text(w, "protein_batch_mask");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_int(w, 0);
    sc_pt_put_bools(w, 2, seen);
    sc_pt_put_end(w);
    sc_pt_put_end(w);
    sc_pt_put_end(w);
}

static inline void pt_model_attributes(sc_pt_writer *w)
{
    static const char *const batches[] = {"v2", "v3", "5p"};
    static const int64_t cells[] = {0, 200, -1, INT64_MAX};
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "init_params_");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "kwargs");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "model_kwargs");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "use_batch_norm");
    sc_pt_put_text(w, "both");
    sc_pt_put_end(w);
    sc_pt_put_end(w);
    sc_pt_put_text(w, "non_kwargs");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "n_latent");
    sc_pt_put_int(w, 10);
    sc_pt_put_text(w, "dropout_rate");
    sc_pt_put_real(w, 0.1);
    sc_pt_put_end(w);
    sc_pt_put_end(w);
    sc_pt_put_text(w, "registry_");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "model_name");
    sc_pt_put_text(w, "SCVI");
    sc_pt_put_text(w, "field_registries");
    sc_pt_put_begin(w, SC_PT_DICT);
    pt_model_category(w, "batch", "tech", (sc_pt_names){.n = 3, .s = batches});
    pt_model_proteins(w);
    sc_pt_put_end(w);
    sc_pt_put_end(w);
    sc_pt_put_text(w, "train_indices_");
    sc_pt_put_ints(w, 4, cells);
    sc_pt_put_text(w, "is_trained_");
    sc_pt_put_bool(w, true);
    sc_pt_put_text(w, "big");
    sc_pt_put_int(w, INT64_MIN);
    sc_pt_put_end(w);
}

/* The pickle of a model without tensors, as numpy writes what the small model hasn't: strings of
 * fixed width, scalars, bytes of protocol 3, a name taken from the stack. */
#define PT_DTYPE(code, order)                                                                      \
    "cnumpy\ndtype\nX\2\0\0\0" code "\x89\x88\x87R(K\3X\1\0\0\0" order                             \
    "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
#define PT_ARRAY(n, dtype, data)                                                                   \
    "cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85"                              \
    "C\1b\x87R(K\1K" n "\x85" dtype "\x89" data "tb"
#define PT_SCALAR(dtype, data) "\x8c\26numpy._core.multiarray\x8c\6scalar\x93" dtype data "\x86R"
/* clang-format off */
static const char pt_model_numpy[] =
    "\x80\4}(X\20\0\0\0model_state_dictccollections\nOrderedDict\n)R"
    "X\11\0\0\0var_names"
    PT_ARRAY("\2", PT_DTYPE("U2", "<"), "C\20\xb5\0\0\0\0\0\0\0\xac\x20\0\0\0\xf6\1\0")
    "X\11\0\0\0attr_dict}(X\11\0\0\0registry_}"
    "X\1\0\0\0f" PT_SCALAR(PT_DTYPE("f8", "<"), "C\10\0\0\0\0\0\0\4\xc0")
    "X\1\0\0\0i" PT_SCALAR(PT_DTYPE("i2", "<"), "C\2\xfe\xff")
    "X\1\0\0\0u" PT_SCALAR(PT_DTYPE("u1", "|"), "C\1\xfe")
    "X\1\0\0\0b" PT_SCALAR(PT_DTYPE("b1", "|"), "C\1\1")
    "X\1\0\0\0s" PT_SCALAR(PT_DTYPE("U1", "<"), "C\4x\0\0\0")
    "X\1\0\0\0m" PT_ARRAY("\2", PT_DTYPE("b1", "|"), "C\2\1\0")
    "X\1\0\0\0h" PT_ARRAY("\2", PT_DTYPE("f4", "<"), "C\10\0\0\x80\x3f\0\0\x20\xc0")
    "uu.";
/* clang-format on */

/* Puts the model; the caller finishes the writer. */
static inline void pt_model_put(sc_pt_writer *w)
{
    static const char *const genes[] = {"A1BG", "NAT2", "ADA"};
    static const float weight[] = {0.5f, -1.25f, 3e-8f, 1e30f, 0.0f, -0.0f};
    static const float n_batches = 7;
    const int64_t dims[] = {3, 2};
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_text(w, "model_state_dict");
    sc_pt_put_ordered(w);
    sc_pt_put_text(w, "weight");
    sc_pt_put_tensor(w, SC_PT_F32, 2, dims, weight);
    sc_pt_put_text(w, "num_batches_tracked");
    sc_pt_put_tensor(w, SC_PT_I64, 0, NULL, &n_batches);
    sc_pt_put_text(w, "pyro_param_store");
    sc_pt_put_begin(w, SC_PT_DICT);
    sc_pt_put_end(w);
    sc_pt_put_end(w);
    sc_pt_put_text(w, "var_names");
    sc_pt_put_names(w, (sc_pt_names){.n = 3, .s = genes});
    sc_pt_put_text(w, "attr_dict");
    pt_model_attributes(w);
    sc_pt_put_end(w);
}

#endif
