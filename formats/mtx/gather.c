/* Finds the three files of a 10x matrix in a directory, an archive or beside each other. */
#include "mtx.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 3 }; /* outs/filtered_gene_bc_matrices/hg19/matrix.mtx */

typedef struct gather {
    sc_entries *e;
    mtx_tables *t;
    const mtx_opts *o;
    sc_source *src;
    sc_strs stems, files; /* of the matrices; of all three kinds */
} gather;

static bool ends_with(const char *s, size_t len, const char *end)
{
    const size_t n = strlen(end);
    return len >= n && memcmp(s + len - n, end, n) == 0;
}

mtx_role mtx_role_of(const char *path, size_t *stem_len)
{
    static const char *const packed[] = {".gz", ".zst", ".bz2", ".xz"};
    static const struct {
        const char *name;
        mtx_role role;
    } known[] = {{"matrix.mtx", MTX_MATRIX},
                 {"features.tsv", MTX_FEATURES},
                 {"genes.tsv", MTX_FEATURES},
                 {"barcodes.tsv", MTX_BARCODES}};
    size_t len = strlen(path);
    for (size_t k = 0; k < sizeof packed / sizeof *packed; k++)
        if (ends_with(path, len, packed[k])) {
            len -= strlen(packed[k]);
            break;
        }
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (ends_with(path, len, known[k].name)) {
            *stem_len = len - strlen(known[k].name);
            return known[k].role;
        }
    return MTX_OTHER;
}

/* --prefix: what stands right before "matrix.mtx", in the file's name or in its folder's. */
static bool is_wanted(const gather *g, const char *path, size_t stem_len)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    if (base[0] == '.')
        return false; /* what macOS leaves in archives */
    return !g->o->prefix || ends_with(path, stem_len, g->o->prefix);
}

static sc_status fail_several(const gather *g, const char *a, const char *b, sc_err *err)
{
    return sc_fail(err, SC_EUSAGE,
                   "%s: there are several matrices ('%s', '%s'); say which with --prefix",
                   g->src->name, a, b);
}

static sc_status read_member(gather *g, mtx_role role, sc_text *in, sc_err *err)
{
    switch (role) {
    case MTX_MATRIX:
        return mtx_read_entries(g->e, in, g->o->is_transposed, err);
    case MTX_FEATURES:
        return mtx_read_features(g->t, in, err);
    case MTX_BARCODES:
        return mtx_read_barcodes(g->t, in, err);
    case MTX_OTHER:
        break;
    }
    return SC_OK;
}

static sc_status read_file(gather *g, mtx_role role, const char *path, sc_err *err)
{
    sc_text *in;
    SC_TRY(sc_text_open_path(&in, path, path, err));
    const sc_status st = read_member(g, role, in, err);
    sc_text_close(in);
    return st;
}

static sc_status list_folder(gather *g, const char *dir, int depth, sc_err *err);

static sc_status list_file(gather *g, const char *path, int depth, sc_err *err)
{
    struct stat info;
    size_t stem_len = 0;
    if (stat(path, &info) != 0)
        return SC_OK; /* a dangling link is nobody's matrix */
    if (S_ISDIR(info.st_mode))
        return depth < MAX_DEPTH ? list_folder(g, path, depth + 1, err) : SC_OK;
    const mtx_role role = mtx_role_of(path, &stem_len);
    if (role == MTX_OTHER || !is_wanted(g, path, stem_len))
        return SC_OK;
    if (role == MTX_MATRIX)
        SC_TRY(sc_strs_push(&g->stems, path, stem_len, err));
    return sc_strs_push(&g->files, path, strlen(path), err);
}

static sc_status list_folder(gather *g, const char *dir, int depth, sc_err *err)
{
    char path[PATH_MAX];
    sc_status st = SC_OK;
    const struct dirent *d;
    DIR *folder = opendir(dir);
    if (!folder)
        return sc_fail_errno(err, "%s", dir);
    while (st == SC_OK && (d = readdir(folder))) {
        const int len = snprintf(path, sizeof path, "%s/%s", dir, d->d_name);
        if (d->d_name[0] != '.' && len > 0 && (size_t)len < sizeof path)
            st = list_file(g, path, depth, err);
    }
    closedir(folder);
    return st;
}

/* The file of this role and stem; of "matrix.mtx" and "matrix.mtx.gz" the plain one. */
static const char *find_file(const gather *g, mtx_role role, const char *stem)
{
    const char *best = NULL;
    for (int64_t k = 0; k < g->files.n; k++) {
        size_t stem_len;
        const char *path = sc_strs_at(&g->files, k);
        if (mtx_role_of(path, &stem_len) == role && stem_len == strlen(stem) &&
            memcmp(path, stem, stem_len) == 0 && (!best || strcmp(path, best) < 0))
            best = path;
    }
    return best;
}

/* Tables first, for their errors are the clearer. */
static sc_status read_stem(gather *g, const char *stem, sc_err *err)
{
    static const mtx_role order[] = {MTX_FEATURES, MTX_BARCODES, MTX_MATRIX};
    for (size_t r = 0; r < 3; r++) {
        const char *path = find_file(g, order[r], stem);
        if (path)
            SC_TRY(read_file(g, order[r], path, err));
    }
    return SC_OK;
}

static sc_status gather_folder(gather *g, sc_err *err)
{
    SC_TRY(list_folder(g, g->src->path, 0, err));
    if (g->stems.n == 0)
        return sc_fail(err, SC_EFORMAT, "%s: there is no matrix.mtx in this folder%s%s",
                       g->src->name, g->o->prefix ? " with the prefix " : "",
                       g->o->prefix ? g->o->prefix : "");
    const char *first = sc_strs_at(&g->stems, 0), *last = first;
    for (int64_t k = 1; k < g->stems.n; k++) {
        const char *stem = sc_strs_at(&g->stems, k);
        first = strcmp(stem, first) < 0 ? stem : first;
        last = strcmp(stem, last) > 0 ? stem : last;
    }
    if (strcmp(first, last) != 0)
        return fail_several(g, first, last, err);
    return read_stem(g, first, err);
}

/* x/matrix.mtx stands for itself and the tables beside it. */
static sc_status gather_siblings(gather *g, const char *path, size_t stem_len, sc_err *err)
{
    char dir[PATH_MAX], stem[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const int dir_len =
        snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    const int len =
        snprintf(stem, sizeof stem, "%s/%.*s", dir, (int)(stem_len - (size_t)(base - path)), base);
    if (dir_len < 0 || len < 0 || (size_t)len >= sizeof stem)
        return sc_fail(err, SC_EIO, "%s: the path is too long", path);
    SC_TRY(list_folder(g, slash == path ? "/" : dir, MAX_DEPTH, err));
    if (!find_file(g, MTX_MATRIX, stem))
        return sc_fail(err, SC_EUSAGE, "%s: its prefix is not '%s'", path, g->o->prefix);
    return read_stem(g, stem, err);
}

static sc_status gather_file(gather *g, sc_err *err)
{
    size_t stem_len;
    if (g->src->path && mtx_role_of(g->src->path, &stem_len) == MTX_MATRIX)
        return gather_siblings(g, g->src->path, stem_len, err);
    sc_text *in;
    SC_TRY(sc_text_open_source(&in, g->src, err));
    const sc_status st = read_member(g, MTX_MATRIX, in, err);
    sc_text_close(in);
    return st;
}

enum { CHUNK = 1 << 18 };

typedef struct tar_input {
    sc_source *src;
    struct archive *a;
    sc_err err; /* of the source: libarchive can't carry it */
    unsigned char bytes[CHUNK], member[CHUNK];
} tar_input;

static la_ssize_t fill_tar(struct archive *a, void *ctx, const void **bytes)
{
    tar_input *tar = ctx;
    size_t got = 0;
    tar->err.status = tar->src->read(tar->src, tar->bytes, sizeof tar->bytes, &got, &tar->err);
    if (tar->err.status != SC_OK) {
        archive_set_error(a, EIO, "%s", tar->err.msg);
        return ARCHIVE_FATAL;
    }
    *bytes = tar->bytes;
    return (la_ssize_t)got;
}

static sc_status fail_tar(const tar_input *tar, sc_err *err)
{
    if (tar->err.status != SC_OK) {
        *err = tar->err;
        return tar->err.status;
    }
    const char *why = archive_error_string(tar->a);
    return sc_fail(err, SC_EFORMAT, "%s: %s", tar->src->name, why ? why : "a damaged archive");
}

static sc_status fill_member(void *ctx, const void **bytes, size_t *len, sc_err *err)
{
    tar_input *tar = ctx;
    const la_ssize_t n = archive_read_data(tar->a, tar->member, sizeof tar->member);
    if (n < 0)
        return fail_tar(tar, err);
    *bytes = tar->member;
    *len = (size_t)n;
    return SC_OK;
}

static sc_status read_tar_member(gather *g, tar_input *tar, const char *path, sc_err *err)
{
    size_t stem_len = 0;
    const mtx_role role = mtx_role_of(path, &stem_len);
    if (role == MTX_OTHER || !is_wanted(g, path, stem_len))
        return SC_OK;
    SC_TRY(sc_strs_push(&g->stems, path, stem_len, err));
    const char *stem = sc_strs_at(&g->stems, 0), *this = sc_strs_at(&g->stems, g->stems.n - 1);
    if (strcmp(stem, this) != 0)
        return fail_several(g, stem, this, err);
    const bool is_again = (role == MTX_MATRIX && g->e->indptr) ||
                          (role == MTX_FEATURES && g->t->has_features) ||
                          (role == MTX_BARCODES && g->t->has_barcodes);
    if (is_again)
        return sc_fail(err, SC_EFORMAT, "%s: '%s' is there twice", g->src->name, path);
    sc_text *in;
    char name[PATH_MAX];
    (void)snprintf(name, sizeof name, "%s: %s", g->src->name, path);
    SC_TRY(sc_text_open_fill(&in, fill_member, tar, name, err));
    const sc_status st = read_member(g, role, in, err);
    sc_text_close(in);
    return st;
}

static sc_status read_tar(gather *g, tar_input *tar, sc_err *err)
{
    struct archive_entry *entry;
    int rc;
    archive_read_support_filter_gzip(tar->a);
    archive_read_support_filter_zstd(tar->a);
    archive_read_support_filter_bzip2(tar->a);
    archive_read_support_filter_xz(tar->a);
    archive_read_support_format_tar(tar->a);
    if (archive_read_open(tar->a, tar, NULL, fill_tar, NULL) != ARCHIVE_OK)
        return fail_tar(tar, err);
    while ((rc = archive_read_next_header(tar->a, &entry)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
        const char *path = archive_entry_pathname(entry);
        if (path && archive_entry_filetype(entry) == AE_IFREG)
            SC_TRY(read_tar_member(g, tar, path, err));
    }
    return rc == ARCHIVE_EOF ? SC_OK : fail_tar(tar, err);
}

static sc_status gather_tar(gather *g, sc_err *err)
{
    tar_input *tar;
    SC_TRY(sc_alloc(&tar, 1, sizeof *tar, err));
    tar->src = g->src;
    tar->a = archive_read_new();
    sc_status st = tar->a ? SC_OK : sc_fail(err, SC_ENOMEM, "no memory for an archive");
    if (st == SC_OK)
        st = read_tar(g, tar, err);
    archive_read_free(tar->a);
    free(tar);
    if (st == SC_OK && !g->e->indptr)
        return sc_fail(err, SC_EFORMAT, "%s: there is no matrix.mtx in this archive%s%s",
                       g->src->name, g->o->prefix ? " with the prefix " : "",
                       g->o->prefix ? g->o->prefix : "");
    return st;
}

/* Numbers for names. */
static sc_status count_names(sc_strs *s, int64_t n, sc_err *err)
{
    char name[24];
    for (int64_t k = 0; k < n; k++) {
        const int len = snprintf(name, sizeof name, "%" PRId64, k);
        SC_TRY(sc_strs_push(s, name, (size_t)len, err));
    }
    return SC_OK;
}

/* The tables must fit the matrix; where neither is there, numbers are names. */
static sc_status check_tables(gather *g, const sc_host *host, sc_err *err)
{
    mtx_tables *t = g->t;
    const sc_entries *e = g->e;
    if (!t->has_features && !t->has_barcodes) {
        sc_note(host, "there are no features and barcodes beside the matrix: names are numbers");
        SC_TRY(count_names(&t->symbols, e->n_genes, err));
        SC_TRY(sc_strs_copy(&t->ids, &t->symbols, err));
        return count_names(&t->barcodes, e->n_cells, err);
    }
    if (!t->has_features || !t->has_barcodes)
        return sc_fail(err, SC_EFORMAT, "%s: there is a matrix but no %s", g->src->name,
                       t->has_barcodes ? "features.tsv or genes.tsv" : "barcodes.tsv");
    if (t->symbols.n != e->n_genes)
        return sc_fail(err, SC_EFORMAT,
                       "%s: the matrix has %" PRId64 " features, and %" PRId64 " have names",
                       g->src->name, e->n_genes, t->symbols.n);
    if (t->barcodes.n != e->n_cells)
        return sc_fail(err, SC_EFORMAT,
                       "%s: the matrix has %" PRId64 " cells, and there are %" PRId64 " barcodes",
                       g->src->name, e->n_cells, t->barcodes.n);
    return SC_OK;
}

sc_status mtx_gather(sc_entries *e, mtx_tables *t, sc_source *src, const mtx_opts *o,
                     const sc_host *host, sc_err *err)
{
    gather g = {.e = e, .t = t, .o = o, .src = src};
    sc_status st;
    if (src->is_dir)
        st = gather_folder(&g, err);
    else if (mtx_is_tar(src->text, src->text_len))
        st = gather_tar(&g, err);
    else
        st = gather_file(&g, err);
    if (st == SC_OK)
        st = check_tables(&g, host, err);
    sc_strs_free(&g.stems);
    sc_strs_free(&g.files);
    return st;
}
