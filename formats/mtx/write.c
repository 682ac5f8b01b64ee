/* Writes a 10x v3 folder, or the same in a .tar.gz: the body is spooled, since the size of the
 * matrix stands before it. */
#include "mtx.h"

#include "sc_print.h"
#include "sc_temp.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_MEMBERS = 3, COPY_BYTES = 1 << 18 };
enum { BARCODES, FEATURES, MATRIX };
static const char *const member_names[N_MEMBERS] = {"barcodes.tsv.gz", "features.tsv.gz",
                                                    "matrix.mtx.gz"};
static const char folder_in_tar[] = "filtered_feature_bc_matrix";

typedef struct mtx_writer {
    const sc_header *h;
    const char *target;
    char *path;
    bool is_tar, is_integer;
    int matrix, proteins; /* of h; proteins -1: none */
    int64_t n_cells, n_stored;
    FILE *spool[N_MEMBERS]; /* plain text, unlinked */
} mtx_writer;

static sc_status fail_write(const mtx_writer *w, sc_err *err)
{
    return sc_fail_errno(err, "%s", w->target);
}

void mtx_discard(void *state)
{
    mtx_writer *w = state;
    if (!w)
        return;
    for (int k = 0; k < N_MEMBERS; k++)
        if (w->spool[k])
            fclose(w->spool[k]);
    free(w->path);
    free(w);
}

static bool has_suffix(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static sc_status choose(mtx_writer *w, const mtx_write_opts *o, sc_err *err)
{
    const char *name = o->matrix ? o->matrix : "X";
    w->matrix = sc_header_find(w->h, name);
    if (w->matrix < 0 || strncmp(name, "raw/", 4) == 0 || strncmp(name, "obs", 3) == 0 ||
        strncmp(name, "varm/", 5) == 0)
        return sc_fail(err, SC_EDATA, "there is no matrix '%s' of cells by genes%s", name,
                       sc_header_why(w->h, name));
    w->proteins = sc_header_find(w->h, "obsm/protein_expression");
    w->is_integer = w->h->mats[w->matrix].kind == SC_COUNTS &&
                    (w->proteins < 0 || w->h->mats[w->proteins].kind == SC_COUNTS);
    return SC_OK;
}

sc_status mtx_create(void **state, const char *path, const char *target, const void *opts,
                     const sc_host *host, const sc_header *h, sc_err *err)
{
    (void)host;
    mtx_writer *w;
    SC_TRY(sc_alloc(&w, 1, sizeof *w, err));
    w->h = h;
    w->target = target;
    w->is_tar =
        strcmp(target, "-") == 0 || has_suffix(target, ".tar.gz") || has_suffix(target, ".tgz");
    w->path = strdup(path);
    sc_status st = w->path ? choose(w, opts, err) : sc_fail(err, SC_ENOMEM, "no memory");
    for (int k = 0; st == SC_OK && k < N_MEMBERS; k++) {
        int fd;
        st = sc_temp_fd(&fd, err);
        if (st == SC_OK && !(w->spool[k] = fdopen(fd, "w+")))
            st = fail_write(w, err);
    }
    if (st == SC_OK)
        *state = w;
    else
        mtx_discard(w);
    return st;
}

/* A field of a tab-separated line. */
static sc_status put_name(FILE *f, const char *name, char end, sc_err *err)
{
    if (strpbrk(name, "\t\n\r"))
        return sc_fail(err, SC_EDATA,
                       "the name '%s' has a tab or a line feed, which this format can't hold",
                       name);
    fputs(name, f);
    fputc(end, f);
    return SC_OK;
}

/* printf is most of the time otherwise. */
static void put_integer(FILE *f, int64_t value, char end)
{
    char text[24];
    size_t at = sizeof text;
    text[--at] = end;
    do
        text[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    (void)fwrite_unlocked(text + at, 1, sizeof text - at, f);
}

static void put_real(FILE *f, double value)
{
    char text[SC_REAL_TEXT + 1];
    const size_t n = sc_print_real(text, value);
    text[n] = '\n';
    (void)fwrite_unlocked(text, 1, n + 1, f);
}

static void put_entry(mtx_writer *w, int64_t feature, int64_t cell, float value)
{
    if (value == 0)
        return;
    FILE *f = w->spool[MATRIX];
    put_integer(f, feature + 1, ' ');
    put_integer(f, cell + 1, ' ');
    if (w->is_integer && value < 1e15F)
        put_integer(f, (int64_t)value, '\n');
    else
        put_real(f, (double)value);
    w->n_stored++;
}

static void put_dense_row(mtx_writer *w, const sc_dense *m, int64_t i, int64_t offset)
{
    for (int64_t j = 0; j < m->n_cols; j++)
        put_entry(w, offset + j, w->n_cells, m->values[i * m->n_cols + j]);
}

sc_status mtx_put(void *state, const sc_format_rows *r, sc_err *err)
{
    mtx_writer *w = state;
    const sc_format_mat *x = &r->mats[w->matrix];
    for (int64_t i = 0; i < r->n_rows; i++) {
        SC_TRY(put_name(w->spool[BARCODES], sc_strs_at(&r->obs.names, i), '\n', err));
        if (w->h->mats[w->matrix].is_sparse)
            for (int64_t k = x->sparse.indptr[i]; k < x->sparse.indptr[i + 1]; k++)
                put_entry(w, x->sparse.indices[k], w->n_cells, x->sparse.values[k]);
        else
            put_dense_row(w, &x->dense, i, 0);
        if (w->proteins >= 0)
            put_dense_row(w, &r->mats[w->proteins].dense, i, w->h->var.n_rows);
        w->n_cells++;
    }
    return ferror(w->spool[MATRIX]) ? fail_write(w, err) : SC_OK;
}

static sc_status put_features(mtx_writer *w, sc_err *err)
{
    char buf[64];
    FILE *f = w->spool[FEATURES];
    const sc_table *var = &w->h->var;
    const sc_col *ids = sc_table_find(var, "gene_ids");
    const sc_col *symbols = sc_table_find(var, "gene_symbols");
    const sc_col *types = sc_table_find(var, "feature_types");
    for (int64_t j = 0; j < var->n_rows; j++) {
        const char *name = sc_strs_at(&var->names, j);
        const char *type = types ? sc_col_text(types, j, buf, sizeof buf) : "Gene Expression";
        SC_TRY(put_name(f, ids ? sc_col_text(ids, j, buf, sizeof buf) : name, '\t', err));
        SC_TRY(put_name(f, symbols ? sc_col_text(symbols, j, buf, sizeof buf) : name, '\t', err));
        SC_TRY(put_name(f, *type ? type : "Gene Expression", '\n', err));
    }
    if (w->proteins < 0)
        return SC_OK;
    const sc_mat *m = &w->h->mats[w->proteins];
    for (int64_t j = 0; j < m->n_cols; j++) {
        char number[32];
        (void)snprintf(number, sizeof number, "protein_%" PRId64, j);
        const char *name = m->col_names.n > 0 ? sc_strs_at(&m->col_names, j) : number;
        SC_TRY(put_name(f, name, '\t', err));
        SC_TRY(put_name(f, name, '\t', err));
        SC_TRY(put_name(f, "Antibody Capture", '\n', err));
    }
    return SC_OK;
}

static sc_status fail_archive(const mtx_writer *w, struct archive *a, sc_err *err)
{
    errno = archive_errno(a);
    if (errno > 0) /* what libarchive says of it is 'Write error' */
        return sc_fail_errno(err, "%s: cannot write", w->target);
    const char *why = archive_error_string(a);
    return sc_fail(err, SC_EIO, "%s: %s", w->target, why ? why : "can't be written");
}

/* Packs what a spool holds, after `head`, into the file at fd; the time of day stays out of it. */
static sc_status pack(const mtx_writer *w, FILE *from, const char *head, int fd, sc_err *err)
{
    char *buf = NULL;
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    sc_status st = sc_alloc(&buf, COPY_BYTES, 1, err);
    if (st == SC_OK && (!a || !entry))
        st = sc_fail(err, SC_ENOMEM, "no memory for compression");
    if (st != SC_OK)
        goto out;
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_add_filter_gzip(a);
    archive_write_set_format_raw(a);
    archive_write_set_options(a, "gzip:!timestamp");
    bool is_ok = archive_write_open_fd(a, fd) == ARCHIVE_OK &&
                 archive_write_header(a, entry) == ARCHIVE_OK &&
                 archive_write_data(a, head, strlen(head)) == (la_ssize_t)strlen(head);
    size_t n;
    rewind(from);
    while (is_ok && (n = fread(buf, 1, COPY_BYTES, from)) > 0)
        is_ok = archive_write_data(a, buf, n) == (la_ssize_t)n;
    is_ok = is_ok && archive_write_close(a) == ARCHIVE_OK;
    if (!is_ok)
        st = fail_archive(w, a, err);
    else if (ferror(from) || fsync(fd) != 0)
        st = fail_write(w, err);
out:
    archive_entry_free(entry);
    archive_write_free(a);
    free(buf);
    return st;
}

static sc_status add_to_tar(const mtx_writer *w, struct archive *tar, const char *name, int fd,
                            sc_err *err)
{
    char path[64], *buf = NULL;
    struct stat info;
    ssize_t n = 0;
    (void)snprintf(path, sizeof path, "%s/%s", folder_in_tar, name);
    if (fstat(fd, &info) != 0 || lseek(fd, 0, SEEK_SET) < 0)
        return fail_write(w, err);
    struct archive_entry *entry = archive_entry_new();
    if (!entry)
        return sc_fail(err, SC_ENOMEM, "no memory for an archive");
    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, info.st_size);
    sc_status st = sc_alloc(&buf, COPY_BYTES, 1, err);
    if (st == SC_OK && archive_write_header(tar, entry) != ARCHIVE_OK)
        st = fail_archive(w, tar, err);
    while (st == SC_OK && (n = read(fd, buf, COPY_BYTES)) > 0)
        if (archive_write_data(tar, buf, (size_t)n) != (la_ssize_t)n)
            st = fail_archive(w, tar, err);
    if (st == SC_OK && n < 0)
        st = fail_write(w, err);
    archive_entry_free(entry);
    free(buf);
    return st;
}

static sc_status finish_tar(mtx_writer *w, const char *head, sc_err *err)
{
    sc_status st = SC_OK;
    struct archive *tar = archive_write_new();
    if (!tar)
        return sc_fail(err, SC_ENOMEM, "no memory for an archive");
    archive_write_add_filter_gzip(tar);
    archive_write_set_format_ustar(tar);
    archive_write_set_options(tar,
                              "gzip:!timestamp,gzip:compression-level=1"); /* of what is packed */
    if (archive_write_open_filename(tar, w->path) != ARCHIVE_OK)
        st = fail_archive(w, tar, err);
    for (int k = 0; st == SC_OK && k < N_MEMBERS; k++) {
        int fd;
        st = sc_temp_fd(&fd, err);
        if (st != SC_OK)
            break;
        st = pack(w, w->spool[k], k == MATRIX ? head : "", fd, err);
        if (st == SC_OK)
            st = add_to_tar(w, tar, member_names[k], fd, err);
        close(fd);
    }
    if (st == SC_OK && archive_write_close(tar) != ARCHIVE_OK)
        st = fail_archive(w, tar, err);
    archive_write_free(tar);
    return st;
}

static sc_status finish_folder(mtx_writer *w, const char *head, sc_err *err)
{
    char path[PATH_MAX];
    if (mkdir(w->path, 0777) != 0)
        return fail_write(w, err);
    for (int k = 0; k < N_MEMBERS; k++) {
        const int len = snprintf(path, sizeof path, "%s/%s", w->path, member_names[k]);
        if (len < 0 || (size_t)len >= sizeof path)
            return sc_fail(err, SC_EIO, "%s: the path is too long", w->target);
        const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0)
            return fail_write(w, err);
        const sc_status st = pack(w, w->spool[k], k == MATRIX ? head : "", fd, err);
        if (close(fd) != 0 && st == SC_OK)
            return fail_write(w, err);
        SC_TRY(st);
    }
    return SC_OK;
}

sc_status mtx_finish(void *state, sc_err *err)
{
    mtx_writer *w = state;
    char head[256];
    const int64_t n_proteins = w->proteins < 0 ? 0 : w->h->mats[w->proteins].n_cols;
    (void)snprintf(
        head, sizeof head,
        "%%%%MatrixMarket matrix coordinate %s general\n%" PRId64 " %" PRId64 " %" PRId64 "\n",
        w->is_integer ? "integer" : "real", w->h->var.n_rows + n_proteins, w->n_cells, w->n_stored);
    SC_TRY(put_features(w, err));
    for (int k = 0; k < N_MEMBERS; k++)
        if (fflush(w->spool[k]) != 0)
            return fail_write(w, err);
    return w->is_tar ? finish_tar(w, head, err) : finish_folder(w, head, err);
}
