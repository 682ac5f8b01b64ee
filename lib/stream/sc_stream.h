/*
 * The stream, .scz: an AnnData that flows. One forward pass reads it, from a pipe or a file.
 * Layout: scz(5).
 *
 * A header says what flows: var, the columns of obs, and the matrices by path ("X",
 * "layers/counts", "obsm/X_scvi", "obsp/distances", "raw/X", "varm/PCs"). Then come blocks of rows,
 * then an end mark. Inside a block each element is a frame of its own, decoded when it is first
 * asked for and copied as it is when it is not.
 */
#ifndef SC_STREAM_H
#define SC_STREAM_H

#include "sc_data.h"

typedef struct sc_mat {
    char *path; /* "X", "layers/counts", "obsm/X_pca", ... */
    sc_matkind kind;
    bool is_sparse;
    int64_t n_cols;    /* obsp: the number of obs, -1 while unknown */
    sc_strs col_names; /* obsm only; n is 0 or n_cols */
    sc_dense varm;     /* varm only: the values, n_vars x n_cols; they stand in the header */
} sc_mat;

typedef struct sc_header {
    int64_t n_obs; /* -1: not known before the end */
    sc_table var;  /* whole */
    sc_table obs;  /* schema: columns with categories and no rows */
    bool has_raw;
    sc_table raw_var; /* of raw/X */
    int n_mats;
    sc_mat *mats;
    char *uns;       /* a JSON object, never NULL */
    sc_strs records; /* provenance, oldest first: a JSON object {"tool","version","argv"} each */
} sc_header;

/* to is newly made, with nothing lent by from; sc_header_free empties it, and takes {0} too. */
sc_status sc_header_copy(sc_header *to, const sc_header *from, sc_err *err) SC_MUST_CHECK;
void sc_header_free(sc_header *h);
int sc_header_find(const sc_header *h, const char *path); /* index into mats, or -1 */
/* Appends a matrix, or replaces the description of the one with that path. n_cols < 0: n_vars.
 * Lends *out (until the next add). */
sc_status sc_header_add(sc_header *h, const char *path, sc_matkind kind, bool is_sparse,
                        int64_t n_cols, sc_mat **out, sc_err *err) SC_MUST_CHECK;
void sc_header_drop(sc_header *h, const char *path);
/* Appends the provenance record of this run: argv without argv[0] and without what never changes
 * the result (-@, -o, -q, -v). */
sc_status sc_header_record(sc_header *h, const char *tool, int argc, char *const *argv,
                           sc_err *err) SC_MUST_CHECK;
/*
 * The matrix of counts to use: `layer` if not NULL ("X" or a layer's name), else X if it is counts,
 * else the only layer that is (then *note, of note_len bytes, says so for stderr; otherwise it is
 * ""). None or several: SC_EDATA naming them.
 */
sc_status sc_header_counts(const sc_header *h, const char *layer, int *mat, char *note,
                           size_t note_len, sc_err *err) SC_MUST_CHECK;
/* To end the sentence that there is no such matrix: "; the cells are minified, ..." where that is
 * why, else "". */
const char *sc_header_why(const sc_header *h, const char *path);

/*
 * A block of rows. From a reader: lent until the next sc_reader_next. Built by hand: sc_block_new,
 * set..., put, free. What `set` takes is copied unless it says "takes". Matrices are named by path;
 * what a header doesn't list is ignored by the writer, and what it lists and no one set is copied
 * from the source frames by path.
 */
typedef struct sc_block sc_block;
sc_status sc_block_new(sc_block **out, int64_t n_rows, sc_err *err) SC_MUST_CHECK;
void sc_block_free(sc_block *b);
int64_t sc_block_row0(const sc_block *b); /* index of its first row in the stream */
int64_t sc_block_n_rows(const sc_block *b);
/* Decoded on first use; the pointers are lent with the block. values and obs may be changed in
 * place after sc_block_touch. */
sc_status sc_block_obs(sc_block *b, sc_table **out, sc_err *err) SC_MUST_CHECK;
sc_status sc_block_sparse(sc_block *b, const char *path, sc_csr **out, sc_err *err) SC_MUST_CHECK;
sc_status sc_block_dense(sc_block *b, const char *path, sc_dense **out, sc_err *err) SC_MUST_CHECK;
/* Says that what these pointers show was changed, so that it is encoded anew; path NULL: obs. */
void sc_block_touch(sc_block *b, const char *path);
/* path gets what src has now (sc-norm keeps X as layers/counts): the frame is shared, or the
 * decoded matrix copied. */
sc_status sc_block_alias(sc_block *b, const char *path, const char *src, sc_err *err) SC_MUST_CHECK;
sc_status sc_block_set_obs(sc_block *b, sc_table *takes,
                           sc_err *err) SC_MUST_CHECK; /* takes: zeroed after */
sc_status sc_block_set_sparse(sc_block *b, const char *path, sc_csr *takes,
                              sc_err *err) SC_MUST_CHECK;
sc_status sc_block_set_dense(sc_block *b, const char *path, sc_dense *takes,
                             sc_err *err) SC_MUST_CHECK;
/* Keeps only these rows (rising order) of every element that `h` lists: decodes all of them. */
sc_status sc_block_take_rows(sc_block *b, const sc_header *h, const int64_t *rows, int64_t n,
                             sc_err *err) SC_MUST_CHECK;
/* A new block of these rows, in any order and repeated at will, of every element that `h` lists; b
 * keeps its own. */
sc_status sc_block_copy_rows(sc_block **out, sc_block *b, const sc_header *h, const int64_t *rows,
                             int64_t n, sc_err *err) SC_MUST_CHECK;

/* Reader. Takes no ownership of fd beyond reading; name is for messages ("stdin", a path). */
typedef struct sc_reader sc_reader;
sc_status sc_reader_open(sc_reader **out, int fd, const char *name, sc_err *err) SC_MUST_CHECK;
sc_status sc_reader_open_path(sc_reader **out, const char *path,
                              sc_err *err) SC_MUST_CHECK; /* NULL or "-": stdin */
/* As these two, but a model is taken as well (see sc_model_file_from); the two above refuse it with
 * SC_EFORMAT. The header of a model is empty. */
sc_status sc_reader_open_any(sc_reader **out, int fd, const char *name, sc_err *err) SC_MUST_CHECK;
sc_status sc_reader_open_any_path(sc_reader **out, const char *path, sc_err *err) SC_MUST_CHECK;
const sc_header *sc_reader_header(const sc_reader *in);
const char *sc_reader_name(const sc_reader *in);
/* SC_OK with a block; SC_END after the end mark was read and agreed; an error where the stream is
 * cut or damaged. */
sc_status sc_reader_next(sc_reader *in, sc_block **b, sc_err *err) SC_MUST_CHECK;
/* Before the first next: from a pipe, blocks are kept in an unlinked file of $TMPDIR so that rewind
 * works; a file is sought. */
sc_status sc_reader_keep(sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status sc_reader_rewind(sc_reader *in, sc_err *err) SC_MUST_CHECK;
/* sc_header_counts of what will be read. Where a matrix would be counts but for some of its values,
 * the sentence has the cell and the gene of the first, and the blocks up to there are gone. */
sc_status sc_reader_counts(sc_reader *in, const char *layer, int *mat, char *note, size_t note_len,
                           sc_err *err) SC_MUST_CHECK;
void sc_reader_close(sc_reader *in);
/* True if what was opened is a model (.scm) and not cells. */
bool sc_reader_is_model(const sc_reader *in);

/* Writer. h is copied; obs columns come from it, in its order. */
typedef struct sc_writer sc_writer;
sc_status sc_writer_open(sc_writer **out, int fd, const char *name, const sc_header *h,
                         sc_err *err) SC_MUST_CHECK;
/* Matrices must have the size, obs columns the type that the header gives (SC_EDATA names them).
 * Categories of a column are matched by name with the header's; without any, codes are the
 * header's. Any number of rows: the writer cuts and joins nothing, a block put is a block written;
 * 0 rows are skipped. */
sc_status sc_writer_put(sc_writer *out, sc_block *b, sc_err *err) SC_MUST_CHECK;
sc_status sc_writer_finish(sc_writer *out, sc_err *err) SC_MUST_CHECK; /* end mark, index, totals */
void sc_writer_close(
    sc_writer *out); /* unfinished, it leaves no end mark, and the next tool fails too */
enum {
    SC_BLOCK_ROWS = 1024
}; /* rows a block that is built by hand should have, if there are as many */

/*
 * A model (.scm): the same container. Tensors are float32, row-major; meta is JSON (variant,
 * options, categories, history, ...); var names the genes.
 */
typedef struct sc_tensor {
    char *name;
    int n_dims;
    int64_t dims[4];
    float *values;
} sc_tensor;

typedef struct sc_model_file {
    sc_table var;
    char *meta; /* a JSON object */
    sc_strs records;
    int n_tensors;
    sc_tensor *tensors;
} sc_model_file;

/* Reads fd to its end and leaves it open; name is for the sentences. out is empty ({0}) before, and
 * for sc_model_file_free whatever is returned. SC_EIO, SC_EFORMAT. */
sc_status sc_model_file_read(sc_model_file *out, int fd, const char *name,
                             sc_err *err) SC_MUST_CHECK;
/* The same from a reader of sc_reader_open_any, once; SC_EFORMAT if cells are what it reads. */
sc_status sc_model_file_from(sc_model_file *out, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status sc_model_file_write(const sc_model_file *m, int fd, const char *name,
                              sc_err *err) SC_MUST_CHECK;
/* The same in two steps: the head, which has all tensors without values; then the values of those
 * that wanted marks (by tensor; NULL: all), while the others are looked at for damage only. */
sc_status sc_model_file_head(sc_model_file *out, sc_reader *in, sc_err *err) SC_MUST_CHECK;
sc_status sc_model_file_rest(sc_model_file *m, sc_reader *in, const bool *wanted,
                             sc_err *err) SC_MUST_CHECK;
/* Or, after the head, each tensor in turn, k from 0 on, and then the end, which must agree. What is
 * read may be decoded while the next one is read into another sc_stored. */
typedef struct sc_stored sc_stored; /* a tensor as it is stored; its memory serves the next one */
sc_status sc_stored_new(sc_stored **out, sc_err *err) SC_MUST_CHECK;
sc_status sc_stored_read(sc_stored *p, sc_reader *in, const sc_model_file *m, int k,
                         sc_err *err) SC_MUST_CHECK;
sc_status sc_stored_check(const sc_stored *p, sc_err *err) SC_MUST_CHECK; /* that it is whole */
sc_status sc_stored_decode(sc_stored *p, sc_err *err) SC_MUST_CHECK;      /* checks it, too */
/* Of one that was decoded: n of its values from the from-th on. */
void sc_stored_values(const sc_stored *p, size_t from, size_t n, float *to);
void sc_stored_free(sc_stored *p);
sc_status sc_model_file_end(const sc_model_file *m, sc_reader *in, sc_err *err) SC_MUST_CHECK;
void sc_model_file_free(sc_model_file *m);
const sc_tensor *sc_model_file_find(const sc_model_file *m, const char *name);

/*
 * Output that appears whole or not at all: written without a name where the file system has that,
 * otherwise beside its place; fsync; then it gets its name, and an old file of that name goes. path
 * NULL or "-": stdout, which is refused (SC_EUSAGE) if it is a terminal and is_binary.
 */
typedef struct sc_output {
    int fd;
    const char *name; /* for messages */
    char *path, *tmp; /* tmp: where it is meanwhile */
    bool is_nameless;
    char by_fd[32]; /* what leads to it by its descriptor, where it has no name */
} sc_output;
sc_status sc_output_open(sc_output *o, const char *path, bool is_binary, sc_err *err) SC_MUST_CHECK;
/* A name under which a library that opens files itself can write to it, on a descriptor of its own,
 * until commit or abandon: lent, of an empty file that is there already, with no suffix to go by.
 * NULL for stdout and what else can only be written to. */
const char *sc_output_way(const sc_output *o);
sc_status sc_output_commit(sc_output *o, sc_err *err) SC_MUST_CHECK;
void sc_output_abandon(sc_output *o); /* harmless after commit */

#endif
