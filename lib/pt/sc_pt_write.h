/*
 * Writes a model.pt that torch.load and scvi-tools read: a pickle of plain values, told piece by
 * piece, and a stored zip around it. The same calls give the same bytes.
 *
 *   sc_pt_writer *w;
 *   SC_TRY(sc_pt_writer_new(&w, err));
 *   sc_pt_put_begin(w, SC_PT_DICT);
 *   sc_pt_put_text(w, "model_state_dict");
 *   sc_pt_put_begin(w, SC_PT_DICT);
 *   sc_pt_put_text(w, "px_r");
 *   sc_pt_put_tensor(w, SC_PT_F32, 1, &n_vars, px_r);
 *   sc_pt_put_end(w);
 *   ...
 *   sc_pt_put_end(w);
 *   st = sc_pt_writer_finish(w, &bytes, &n, err);
 *   ... write them ...
 *   sc_pt_writer_free(w);
 *
 * The puts keep the first failure, and sc_pt_writer_finish tells it, so that a model can be told in
 * one breath. In a dict, keys and values take turns. What has to be in the dict for scvi-tools to
 * take it is in formats.md section 6.4.
 */
#ifndef SC_PT_WRITE_H
#define SC_PT_WRITE_H

#include "sc_pt.h"

typedef struct sc_pt_writer sc_pt_writer;

/* For the caller to free. SC_ENOMEM. */
sc_status sc_pt_writer_new(sc_pt_writer **out, sc_err *err) SC_MUST_CHECK;

/* The whole file in *bytes, lent until the writer is freed. SC_EUSAGE if begins and ends don't
 * match, or the first failure of a put. */
sc_status sc_pt_writer_finish(sc_pt_writer *w, const void **bytes, size_t *n,
                              sc_err *err) SC_MUST_CHECK;
void sc_pt_writer_free(sc_pt_writer *w); /* NULL is fine */

void sc_pt_put_begin(sc_pt_writer *w, sc_pt_kind kind); /* SC_PT_DICT, SC_PT_LIST, SC_PT_TUPLE */
void sc_pt_put_ordered(sc_pt_writer *w); /* begins a collections.OrderedDict, as state dicts are */
void sc_pt_put_end(sc_pt_writer *w);

/* What is given to a put is copied. */
void sc_pt_put_none(sc_pt_writer *w);
void sc_pt_put_bool(sc_pt_writer *w, bool b);
void sc_pt_put_int(sc_pt_writer *w, int64_t i);
void sc_pt_put_real(sc_pt_writer *w, double d);
void sc_pt_put_text(sc_pt_writer *w, const char *utf8); /* NULL is a None */

/* A class or a function, by name: what imports it must be fit for the reader's unpickler. */
void sc_pt_put_global(sc_pt_writer *w, const char *module, const char *name);

/* data: the product of dims, row-major; n_dims 0 is a scalar. Saved as float32 if dtype is
 * SC_PT_F32, SC_PT_F64, SC_PT_F16 or SC_PT_BF16, otherwise as int64. */
void sc_pt_put_tensor(sc_pt_writer *w, sc_pt_dtype dtype, int n_dims, const int64_t *dims,
                      const float *data);

/* numpy arrays of one dimension: of str objects, of int64, of float64, of bool (any byte but 0 is
 * true). */
void sc_pt_put_names(sc_pt_writer *w, sc_pt_names names);
void sc_pt_put_ints(sc_pt_writer *w, size_t n, const int64_t *v);
void sc_pt_put_reals(sc_pt_writer *w, size_t n, const double *v);
void sc_pt_put_bools(sc_pt_writer *w, size_t n, const unsigned char *v);

/* A value that was read. Opaque ones (pandas frames) are left out of dicts, and a None elsewhere.
 */
void sc_pt_put_value(sc_pt_writer *w, const sc_pt_value *v);

#endif
