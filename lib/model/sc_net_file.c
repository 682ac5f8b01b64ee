/* Models to and from files: our own .scm, and model.pt as scvi-tools saves it. */
#include "sc_looks.h"
#include "sc_net_pt.h"
#include "sc_net_tensors.h"
#include "sc_scvi_args.h"
#include "sc_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *strs_to_json(const sc_strs *s)
{
    json_t *a = json_array();
    for (int64_t i = 0; i < s->n; i++)
        json_array_append_new(a, json_string(sc_strs_at(s, i)));
    return a;
}

static sc_status strs_from_json(sc_strs *s, const json_t *a, sc_err *err)
{
    for (size_t i = 0; i < json_array_size(a); i++) {
        const char *text = json_string_value(json_array_get(a, i));
        if (!text)
            return sc_fail(err, SC_EFORMAT, "the model's categories are not strings");
        SC_TRY(sc_strs_push(s, text, strlen(text), err));
    }
    return SC_OK;
}

static void set_text(json_t *o, const char *key, const char *text)
{
    if (text)
        json_object_set_new(o, key, json_string(text));
}

/* Key, names, and for each panel the proteins that it did not measure. */
static json_t *proteins_to_json(const sc_net *net)
{
    const sc_dims *d = &net->dims;
    json_t *missing = json_array();
    for (int64_t b = 0; b < d->n_panels && net->protein_missing; b++) {
        json_t *list = json_array();
        for (int64_t p = 0; p < d->n_proteins; p++)
            if (net->protein_missing[b * d->n_proteins + p])
                json_array_append_new(list, json_integer((json_int_t)p));
        json_array_append_new(missing, list);
    }
    return json_pack("{s:s, s:o, s:o}", "key", net->protein_key, "names",
                     strs_to_json(&net->proteins), "missing", missing);
}

static json_t *data_to_json(const sc_net *net)
{
    json_t *d = json_object(), *covs = json_array();
    static const struct {
        const char *name;
        int input;
    } named[] = {{"batch", SC_IN_BATCH}, {"panel", SC_IN_PANEL}, {"labels", SC_IN_LABELS}};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        const sc_category *c = &net->cats[named[i].input - SC_IN_BATCH];
        if (c->key)
            json_object_set_new(
                d, named[i].name,
                json_pack("{s:s, s:o}", "key", c->key, "levels", strs_to_json(&c->levels)));
    }
    for (int64_t i = 0; i < net->dims.n_cat_covs; i++) {
        const sc_category *c = &net->cats[SC_IN_CAT_COV_0 - SC_IN_BATCH + i];
        json_array_append_new(
            covs, json_pack("{s:s, s:o}", "key", c->key, "levels", strs_to_json(&c->levels)));
    }
    json_object_set_new(d, "cat_covariates", covs);
    json_object_set_new(d, "cont_covariates", strs_to_json(&net->cont_covs));
    json_object_set_new(d, "n_labels", json_integer(net->dims.n_labels));
    set_text(d, "layer", net->layer);
    set_text(d, "size_factor", net->size_factor);
    set_text(d, "unlabeled", net->unlabeled);
    if (net->min_gene_overlap > 0)
        json_object_set_new(d, "min_gene_overlap", json_real(net->min_gene_overlap));
    if (net->protein_key)
        json_object_set_new(d, "proteins", proteins_to_json(net));
    return d;
}

static char *dup_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? strdup(s) : NULL;
}

static sc_status category_from_json(sc_category *c, const json_t *o, int64_t *n, sc_err *err)
{
    if (!o)
        return SC_OK;
    c->key = dup_text(o, "key");
    if (!c->key)
        return sc_fail(err, SC_EFORMAT, "a category of the model has no key");
    SC_TRY(strs_from_json(&c->levels, json_object_get(o, "levels"), err));
    *n = c->levels.n;
    return SC_OK;
}

static sc_status proteins_from_json(sc_net *net, const json_t *o, sc_err *err)
{
    sc_dims *d = &net->dims;
    const json_t *missing = json_object_get(o, "missing");
    if (!o)
        return SC_OK;
    net->protein_key = dup_text(o, "key");
    SC_TRY(strs_from_json(&net->proteins, json_object_get(o, "names"), err));
    d->n_proteins = net->proteins.n;
    if (!net->protein_key || !d->n_proteins ||
        (json_array_size(missing) && (int64_t)json_array_size(missing) != d->n_panels))
        return sc_fail(err, SC_EFORMAT, "the model's proteins do not agree with its panels");
    if (!json_array_size(missing))
        return SC_OK;
    SC_TRY(sc_alloc(&net->protein_missing, (size_t)(d->n_panels * d->n_proteins), 1, err));
    for (int64_t b = 0; b < d->n_panels; b++) {
        const json_t *list = json_array_get(missing, (size_t)b);
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_int_t p = json_integer_value(json_array_get(list, i));
            if (p < 0 || p >= d->n_proteins)
                return sc_fail(err, SC_EFORMAT, "the model lacks protein %lld", (long long)p);
            d->n_proteins_missing += net->protein_missing[b * d->n_proteins + p] == 0;
            net->protein_missing[b * d->n_proteins + p] = 1;
        }
    }
    return SC_OK;
}

static sc_status data_from_json(sc_net *net, const json_t *d, sc_err *err)
{
    sc_dims *s = &net->dims;
    s->n_batch = 1;
    SC_TRY(category_from_json(&net->cats[0], json_object_get(d, "batch"), &s->n_batch, err));
    s->n_panels = s->n_batch;
    SC_TRY(category_from_json(&net->cats[SC_IN_PANEL - SC_IN_BATCH], json_object_get(d, "panel"),
                              &s->n_panels, err));
    SC_TRY(category_from_json(&net->cats[SC_IN_LABELS - SC_IN_BATCH], json_object_get(d, "labels"),
                              &s->n_labels, err));
    s->n_labels = json_integer_value(json_object_get(d, "n_labels"));
    const json_t *covs = json_object_get(d, "cat_covariates");
    s->n_cat_covs = (int64_t)json_array_size(covs);
    if (s->n_cat_covs > SC_IN_MAX - (SC_IN_CAT_COV_0 - SC_IN_BATCH))
        return sc_fail(err, SC_EFORMAT, "the model has too many covariates");
    for (int64_t i = 0; i < s->n_cat_covs; i++)
        SC_TRY(category_from_json(&net->cats[SC_IN_CAT_COV_0 - SC_IN_BATCH + i],
                                  json_array_get(covs, (size_t)i), &s->n_cats[i], err));
    SC_TRY(strs_from_json(&net->cont_covs, json_object_get(d, "cont_covariates"), err));
    s->n_cont_covs = net->cont_covs.n;
    net->layer = dup_text(d, "layer");
    net->size_factor = dup_text(d, "size_factor");
    net->unlabeled = dup_text(d, "unlabeled");
    net->min_gene_overlap = json_number_value(json_object_get(d, "min_gene_overlap"));
    s->has_size_factor = net->size_factor != NULL;
    return proteins_from_json(net, json_object_get(d, "proteins"), err);
}

static sc_status tensors_of(const sc_net *net, sc_model_file *f, sc_err *err)
{
    SC_TRY(sc_alloc(&f->tensors, (size_t)net->g->n_weights, sizeof *f->tensors, err));
    for (int i = 0; i < net->g->n_weights; i++) {
        const sc_gweight *w = &net->g->weights[i];
        if (!w->is_saved)
            continue;
        sc_tensor *t = &f->tensors[f->n_tensors++];
        t->name = strdup(w->name);
        sc_net_dims(w, t);
        SC_TRY(sc_alloc(&t->values, (size_t)(w->rows * w->cols), sizeof(float), err));
        sc_net_get(net, i, t->values);
    }
    return SC_OK;
}

sc_status sc_net_write(const sc_net *net, int fd, const char *name, sc_err *err)
{
    sc_model_file f = {0};
    json_t *meta = json_pack("{s:s, s:o, s:o, s:O, s:O}", "variant", net->handle.plugin->name,
                             "options", sc_net_options(net), "data", data_to_json(net), "training",
                             net->training, "history", net->history);
    sc_status st = meta ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
    if (st == SC_OK)
        st = sc_table_copy(&f.var, &net->var, err);
    if (st == SC_OK)
        st = sc_strs_copy(&f.records, &net->records, err);
    if (st == SC_OK)
        st = tensors_of(net, &f, err);
    f.meta = meta ? json_dumps(meta, JSON_COMPACT) : NULL;
    if (st == SC_OK)
        st = sc_model_file_write(&f, fd, name, err);
    json_decref(meta);
    sc_model_file_free(&f);
    return st;
}

static bool has_tensor(const sc_pt *pt, const char *name)
{
    for (size_t i = 0; i < sc_pt_n_tensors(pt); i++)
        if (strcmp(sc_pt_tensor_at(pt, i)->name, name) == 0)
            return true;
    return false;
}

/* What starts at zero may be lacking: older versions had no such tensor (the efficiency of
 * totalVI's batches), which is as if it had stayed there. */
static sc_status pt_has_all(const sc_net *net, const sc_pt *pt, sc_err *err)
{
    for (int i = 0; i < net->g->n_weights; i++) {
        const sc_gweight *w = &net->g->weights[i];
        const bool may_lack = w->kind == SC_W_PLAIN && w->init == SC_INIT_ZERO;
        if (w->is_saved && !may_lack && !has_tensor(pt, w->name))
            return sc_fail(err, SC_EFORMAT, "the model has no tensor '%s'", w->name);
    }
    return SC_OK;
}

struct sc_net_source {
    int fd, spool; /* spool: of what came through a pipe, or -1 */
    const char *name;
    sc_reader *in; /* of a .scm; NULL: nothing is left to read */
    sc_model_file f;
};

static sc_status from_scm(sc_net *net, sc_net_source *src, int fd, sc_err *err)
{
    json_t *meta = NULL;
    sc_status st;
    SC_TRY(sc_reader_open_any(&src->in, fd, src->name, err));
    SC_TRY(sc_model_file_head(&src->f, src->in, err));
    meta = json_loads(src->f.meta, JSON_REJECT_DUPLICATES, NULL);
    const char *variant = json_string_value(json_object_get(meta, "variant"));
    if (!variant) {
        st = sc_fail(err, SC_EFORMAT, "%s: the model does not say which variant it is", src->name);
        goto out;
    }
    SC_GOTO(st, sc_net_new(net, variant, NULL, err), out);
    SC_GOTO(st, sc_net_options_from(net, json_object_get(meta, "options"), err), out);
    SC_GOTO(st, data_from_json(net, json_object_get(meta, "data"), err), out);
    json_object_update(net->training, json_object_get(meta, "training"));
    json_object_update(net->history, json_object_get(meta, "history"));
    SC_GOTO(st, sc_table_copy(&net->var, &src->f.var, err), out);
    SC_GOTO(st, sc_strs_copy(&net->records, &src->f.records, err), out);
    net->dims.n_vars = net->var.n_rows;
    st = sc_net_build(net, err);
out:
    json_decref(meta);
    return st;
}

static sc_status from_pt(sc_net *net, int fd, const char *name, sc_err *err)
{
    sc_pt *pt = NULL;
    char variant[128];
    sc_status st;
    SC_GOTO(st, sc_pt_read(&pt, fd, name, err), out);
    SC_GOTO(st, sc_net_pt_variant(sc_pt_get_registry(pt)->model_name, variant, sizeof variant, err),
            out);
    SC_GOTO(st, sc_net_new(net, variant, NULL, err), out);
    SC_GOTO(st, sc_scvi_args_read(net, pt, err), out);
    SC_GOTO(st, sc_net_pt_data(net, pt, err), out);
    SC_GOTO(st, sc_net_build(net, err), out);
    for (size_t i = 0; i < sc_pt_n_tensors(pt); i++) {
        const sc_pt_tensor *t = sc_pt_tensor_at(pt, i);
        SC_GOTO(st, sc_net_take(net, t->name, t->n_dims, t->dims, t->data, err), out);
    }
    st = pt_has_all(net, pt, err);
out:
    sc_pt_close(pt);
    return st;
}

static sc_status copy_all(int from, int to, sc_err *err)
{
    char buffer[1 << 16];
    for (;;) {
        const ssize_t n = read(from, buffer, sizeof buffer);
        if (n == 0)
            return SC_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sc_fail_errno(err, "can't be read");
        for (ssize_t at = 0; at < n;) {
            const ssize_t put = write(to, buffer + at, (size_t)(n - at));
            if (put < 0 && errno != EINTR)
                return sc_fail_errno(err, "can't be kept in a file");
            at += put > 0 ? put : 0;
        }
    }
}

/* A pipe can't be asked twice how it begins: what comes from it goes into a file, *spool, which
 * the caller closes; -1: fd is none. */
static sc_status spool_pipe(int fd, int *spool, sc_err *err)
{
    *spool = -1;
    if (lseek(fd, 0, SEEK_CUR) >= 0 || isatty(fd))
        return SC_OK;
    SC_TRY(sc_temp_fd(spool, err));
    SC_TRY(copy_all(fd, *spool, err));
    return lseek(*spool, 0, SEEK_SET) < 0 ? sc_fail_errno(err, "can't be read again") : SC_OK;
}

static sc_status read_any(sc_net *net, sc_net_source *src, int fd, sc_err *err)
{
    unsigned char magic[8] = {0};
    const ssize_t n = pread(fd, magic, sizeof magic, 0);
    if (n >= 2 && memcmp(magic, "PK", 2) == 0)
        return from_pt(net, fd, src->name, err);
    if (n < 0 || (n >= 4 && memcmp(magic, "\x89SCZ", 4) == 0))
        return from_scm(net, src, fd, err);
    const char *kind = n == 0 ? "empty" : sc_looks_like(magic, (size_t)n);
    return sc_fail(err, SC_EFORMAT, "%s: is %s, where a model is needed, as sc-fit makes%s",
                   src->name, kind ? kind : "neither a .scm nor a model.pt",
                   n == 0 && strcmp(src->name, "stdin") == 0 ? "; the tool before it failed?" : "");
}

static sc_status say_where(const sc_net_source *src, sc_status st, sc_err *err)
{
    return st == SC_OK || strstr(err->msg, src->name) ? st
                                                      : sc_err_prefix(err, st, "%s", src->name);
}

static sc_status open_path(sc_net_source *src, const char *path, sc_err *err)
{
    struct stat about;
    const bool is_stdin = strcmp(path, "-") == 0;
    src->name = is_stdin ? "stdin" : path;
    src->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (src->fd < 0)
        return sc_fail_errno(err, "can't open the model '%s'", path);
    if (fstat(src->fd, &about) == 0 && S_ISDIR(about.st_mode))
        return sc_fail(err, SC_EFORMAT,
                       "%s: is a folder, where a model is needed; one that scvi-tools saved is the "
                       "file model.pt in it",
                       path);
    return spool_pipe(src->fd, &src->spool, err);
}

sc_status sc_net_open(sc_net *net, sc_net_source **out, const char *path, sc_err *err)
{
    memset(net, 0, sizeof *net);
    *out = NULL;
    SC_TRY(sc_alloc(out, 1, sizeof **out, err));
    sc_net_source *src = *out;
    src->fd = src->spool = -1;
    sc_status st = open_path(src, path, err);
    if (st == SC_OK)
        st = read_any(net, src, src->spool >= 0 ? src->spool : src->fd, err);
    return say_where(src, st, err);
}

sc_status sc_net_weights(sc_net *net, sc_net_source *src, const bool *wanted, sc_pool *pool,
                         sc_err *err)
{
    if (!src->in)
        return SC_OK;
    if (wanted) {
        SC_TRY(sc_alloc(&net->is_read, (size_t)net->g->n_weights, sizeof *wanted, err));
        memcpy(net->is_read, wanted, (size_t)net->g->n_weights * sizeof *wanted);
    }
    sc_status st = sc_net_take_all(net, &src->f, src->in, pool, err);
    if (st == SC_OK)
        st = sc_model_file_end(&src->f, src->in, err);
    return say_where(src, st, err);
}

void sc_net_source_close(sc_net_source *src)
{
    if (!src)
        return;
    sc_model_file_free(&src->f);
    sc_reader_close(src->in);
    if (src->spool >= 0)
        (void)close(src->spool);
    if (src->fd >= 0 && src->fd != STDIN_FILENO)
        (void)close(src->fd);
    free(src);
}

sc_status sc_net_read(sc_net *net, const char *path, sc_err *err)
{
    sc_net_source *src;
    sc_status st = sc_net_open(net, &src, path, err);
    if (st == SC_OK)
        st = sc_net_weights(net, src, NULL, NULL, err);
    sc_net_source_close(src);
    if (st != SC_OK)
        sc_net_free(net);
    return st;
}
