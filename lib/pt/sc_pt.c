/* The file around the pickle: reading it, and what its top level means. */
#include "sc_pickle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_STEP = 1 << 20,
    MIN_BUDGET = 1 << 20,
    MAX_TENSORS = 10000, /* real models have a hundred; names are looked up one by one */
    MAX_COVARIATES = 1000,
};

const sc_pt_value *sc_pt_find(const sc_pt *pt, const char *path)
{
    const sc_pt_value *v = pt->root;
    char part[256];
    while (v && *path) {
        const size_t n = strcspn(path, "/");
        if (n >= sizeof part)
            return NULL;
        memcpy(part, path, n);
        part[n] = '\0';
        path += n + (path[n] == '/');
        if (v->kind == SC_PT_DICT) {
            v = sc_pt_get(v, part);
        } else {
            char *end;
            const unsigned long i = strtoul(part, &end, 10);
            v = *part >= '0' && *part <= '9' && !*end ? sc_pt_item(v, i) : NULL;
        }
    }
    return v;
}

const sc_pt_value *sc_pt_init_param(const sc_pt *pt, const char *name)
{
    const sc_pt_value *v = sc_pt_get(sc_pt_find(pt, "attr_dict/init_params_/non_kwargs"), name);
    const sc_pt_value *more = sc_pt_find(pt, "attr_dict/init_params_/kwargs");
    for (size_t i = 0; !v && i < sc_pt_len(more); i++)
        v = sc_pt_get(sc_pt_item(more, i), name);
    return v;
}

static sc_status read_state_dict(sc_pt *pt, sc_err *err)
{
    const sc_pt_value *dict = sc_pt_get(pt->root, "model_state_dict");
    if (sc_pt_kind_of(dict) != SC_PT_DICT)
        return sc_fail(err, SC_EFORMAT, "no model_state_dict: not a model saved by scvi-tools");
    const size_t n = sc_pt_len(dict);
    if (n > MAX_TENSORS)
        return sc_fail(err, SC_EFORMAT, "a state dict of %zu tensors is too large", n);
    SC_TRY(sc_pt_take(&pt->arena, &pt->tensors, n, sizeof *pt->tensors, err));
    for (size_t i = 0; i < n; i++) {
        const char *name = sc_pt_as_text(sc_pt_key(dict, i));
        const sc_pt_value *v = sc_pt_item(dict, i);
        if (!name)
            return sc_fail(err, SC_EFORMAT, "tensor %zu of the state dict has no name", i);
        if (strcmp(name, "pyro_param_store") == 0)
            continue;
        if (v->kind != SC_PT_TENSOR)
            return sc_fail(err, SC_EFORMAT, "'%.200s' of the state dict is no tensor", name);
        if (sc_pt_tensor_named(pt, name))
            return sc_fail(err, SC_EFORMAT, "tensor '%.200s' occurs twice", name);
        /* tied weights share one value under two names */
        sc_pt_tensor *t;
        SC_TRY(sc_pt_take(&pt->arena, &t, 1, sizeof *t, err));
        *t = *v->tensor;
        t->name = name;
        pt->tensors[pt->n_tensors++] = t;
    }
    return SC_OK;
}

static sc_status read_var_names(sc_pt *pt, sc_err *err)
{
    const sc_pt_value *v = sc_pt_get(pt->root, "var_names");
    const bool is_multi = sc_pt_kind_of(v) == SC_PT_DICT;
    const size_t n = is_multi ? sc_pt_len(v) : 1;
    SC_TRY(sc_pt_take(&pt->arena, &pt->modalities, n, sizeof *pt->modalities, err));
    for (size_t i = 0; i < n; i++) {
        sc_pt_modality *m = &pt->modalities[pt->n_modalities];
        if (is_multi && !(m->name = sc_pt_as_text(sc_pt_key(v, i))))
            return sc_fail(err, SC_EFORMAT, "a modality of var_names has no name");
        SC_TRY(sc_pt_texts(pt, is_multi ? sc_pt_item(v, i) : v, "var_names", &m->vars, err));
        pt->n_modalities++;
    }
    return SC_OK;
}

/* Absent is fine, another type is not. */
static sc_status optional_names(sc_pt *pt, const sc_pt_value *v, const char *what, sc_pt_names *out,
                                sc_err *err)
{
    return sc_pt_kind_of(v) == SC_PT_NONE ? SC_OK : sc_pt_texts(pt, v, what, out, err);
}

static sc_status read_category(sc_pt *pt, const char *field, sc_pt_category *out, sc_err *err)
{
    const sc_pt_value *f = sc_pt_get(pt->registry.fields, field);
    const sc_pt_value *state = sc_pt_get(f, "state_registry");
    out->key = sc_pt_as_text(sc_pt_get(state, "original_key"));
    return optional_names(pt, sc_pt_get(state, "categorical_mapping"), field, &out->levels, err);
}

static sc_status read_covariates(sc_pt *pt, sc_err *err)
{
    const sc_pt_value *cont =
        sc_pt_get(sc_pt_get(pt->registry.fields, "extra_continuous_covs"), "state_registry");
    SC_TRY(optional_names(pt, sc_pt_get(cont, "columns"), "extra_continuous_covs",
                          &pt->registry.cont_covs, err));
    const sc_pt_value *cat =
        sc_pt_get(sc_pt_get(pt->registry.fields, "extra_categorical_covs"), "state_registry");
    const sc_pt_value *maps = sc_pt_get(cat, "mappings");
    sc_pt_names keys = {0};
    SC_TRY(optional_names(pt, sc_pt_get(cat, "field_keys"), "extra_categorical_covs", &keys, err));
    if (keys.n > MAX_COVARIATES)
        return sc_fail(err, SC_EFORMAT, "%zu categorical covariates are too many", keys.n);
    sc_pt_category *out;
    SC_TRY(sc_pt_take(&pt->arena, &out, keys.n, sizeof *out, err));
    for (size_t i = 0; i < keys.n; i++) {
        out[i].key = keys.s[i];
        SC_TRY(sc_pt_texts(pt, sc_pt_get(maps, keys.s[i]), keys.s[i], &out[i].levels, err));
    }
    pt->registry.cat_covs = out;
    pt->registry.n_cat_covs = keys.n;
    return SC_OK;
}

static sc_status read_proteins(sc_pt *pt, sc_err *err)
{
    const sc_pt_value *state =
        sc_pt_get(sc_pt_get(pt->registry.fields, "proteins"), "state_registry");
    SC_TRY(optional_names(pt, sc_pt_get(state, "column_names"), "proteins", &pt->registry.proteins,
                          err));
    const sc_pt_value *masks = sc_pt_get(state, "protein_batch_mask");
    if (sc_pt_kind_of(masks) != SC_PT_DICT)
        return SC_OK;
    sc_pt_mask *out;
    const size_t n = sc_pt_len(masks);
    SC_TRY(sc_pt_take(&pt->arena, &out, n, sizeof *out, err));
    for (size_t i = 0; i < n; i++) {
        const sc_pt_value *key = sc_pt_key(masks, i), *v = sc_pt_item(masks, i);
        /* keys are numbers or strings: one list of one key makes text of either */
        sc_pt_value *one[] = {(sc_pt_value *)(uintptr_t)key};
        const sc_pt_value list = {.kind = SC_PT_LIST, .seq = {.v = one, .n = 1}};
        sc_pt_names name;
        SC_TRY(sc_pt_texts(pt, &list, "protein_batch_mask", &name, err));
        unsigned char *seen;
        const size_t m = sc_pt_len(v);
        SC_TRY(sc_pt_take(&pt->arena, &seen, m, 1, err));
        for (size_t k = 0; k < m; k++) {
            double d;
            if (!sc_pt_real_at(v, k, &d))
                return sc_fail(err, SC_EFORMAT, "protein_batch_mask of batch '%.200s' has no bools",
                               name.s[0]);
            seen[k] = d != 0;
        }
        out[i] = (sc_pt_mask){.batch = name.s[0], .n = m, .seen = seen};
    }
    pt->registry.masks = out;
    pt->registry.n_masks = n;
    return SC_OK;
}

static sc_status read_registry(sc_pt *pt, sc_err *err)
{
    sc_pt_registry *r = &pt->registry;
    const sc_pt_value *v = sc_pt_find(pt, "attr_dict/registry_");
    if (sc_pt_kind_of(v) != SC_PT_DICT)
        return sc_fail(err, SC_EFORMAT,
                       "no registry_: not a model saved by scvi-tools 0.15 or later");
    r->model_name = sc_pt_as_text(sc_pt_get(v, "model_name"));
    r->scvi_version = sc_pt_as_text(sc_pt_get(v, "scvi_version"));
    r->setup_method = sc_pt_as_text(sc_pt_get(v, "setup_method_name"));
    r->setup_args = sc_pt_get(v, "setup_args");
    r->fields = sc_pt_get(v, "field_registries");
    SC_TRY(read_category(pt, "batch", &r->batch, err));
    SC_TRY(read_category(pt, "labels", &r->labels, err));
    SC_TRY(read_category(pt, "panel", &r->panel, err));
    r->unlabeled_category = sc_pt_as_text(sc_pt_get(
        sc_pt_get(sc_pt_get(r->fields, "labels"), "state_registry"), "unlabeled_category"));
    SC_TRY(read_covariates(pt, err));
    return read_proteins(pt, err);
}

/* Finds TOP/data.pkl, of which there has to be one. */
static sc_status find_pickle(const sc_zip *z, char *top, size_t size, const sc_zip_member **out,
                             sc_err *err)
{
    static const char tail[] = "/data.pkl";
    const size_t n = sizeof tail - 1;
    const sc_zip_member *found = NULL;
    for (size_t i = 0; i < z->n; i++) {
        const sc_zip_member *m = &z->members[i];
        if (m->name_len <= n || memcmp(m->name + m->name_len - n, tail, n) != 0)
            continue;
        if (found || m->name_len >= size || memchr(m->name, '\0', m->name_len))
            return sc_fail(err, SC_EFORMAT, "more than one data.pkl, or one with a strange name");
        found = m;
    }
    if (!found)
        return sc_fail(err, SC_EFORMAT, "a zip without data.pkl: not a file of torch.save");
    if (found->n > SC_PT_MAX_PICKLE)
        return sc_fail(err, SC_EFORMAT, "data.pkl is larger than %d MiB", SC_PT_MAX_PICKLE >> 20);
    char name[256];
    memcpy(name, found->name, found->name_len);
    name[found->name_len] = '\0';
    SC_TRY(sc_zip_find(z, name, out, err));
    memcpy(top, name, found->name_len - n);
    top[found->name_len - n] = '\0';
    return SC_OK;
}

static sc_status check_byte_order(const sc_zip *z, const char *top, sc_err *err)
{
    char name[300] = "";
    const sc_zip_member *m;
    strcat(strcpy(name, top), "/byteorder");
    SC_TRY(sc_zip_find(z, name, &m, err));
    if (m && (m->n < 6 || memcmp(m->data, "little", 6) != 0))
        return sc_fail(err, SC_EFORMAT, "tensors are not little-endian");
    return SC_OK;
}

/* That of torch.save's file format, which has been 3 for years; torch reads 1 to 10, and what a
 * later one changes can't be known. */
static sc_status check_version(const sc_zip *z, const char *top, sc_err *err)
{
    char name[300] = "", text[12] = "";
    const sc_zip_member *m;
    strcat(strcpy(name, top), "/version");
    SC_TRY(sc_zip_find(z, name, &m, err));
    if (!m)
        return SC_OK;
    memcpy(text, m->data, m->n < sizeof text ? m->n : sizeof text - 1);
    text[strcspn(text, "\n")] = '\0';
    const bool is_number = *text && text[strspn(text, "0123456789")] == '\0';
    const long version = is_number ? strtol(text, NULL, 10) : 0;
    return version >= 1 && version <= 10
               ? SC_OK
               : sc_fail(err, SC_EFORMAT,
                         "version %s of torch's file format: only 1 to 10 are read",
                         is_number ? text : "'?'");
}

static sc_status decode(sc_pt *pt, const sc_zip *z, size_t file_size, sc_err *err)
{
    char top[256];
    const sc_zip_member *m = NULL;
    SC_TRY(find_pickle(z, top, sizeof top, &m, err));
    SC_TRY(check_byte_order(z, top, err));
    SC_TRY(check_version(z, top, err));
    pt->arena.budget = MIN_BUDGET + m->n * SC_PT_VALUE_COST;
    sc_pickle p = {.arena = &pt->arena, .zip = z, .top = top, .n_left = file_size};
    sc_status st = sc_pickle_load(&p, m->data, m->n, &pt->root, err);
    if (st != SC_OK)
        return sc_err_prefix(err, st, "data.pkl");
    if (pt->root->kind != SC_PT_DICT)
        return sc_fail(err, SC_EFORMAT, "data.pkl holds no dict: not a model saved by scvi-tools");
    SC_TRY(read_state_dict(pt, err));
    SC_TRY(read_var_names(pt, err));
    return read_registry(pt, err);
}

sc_status sc_pt_decode(sc_pt **out, const void *bytes, size_t n, sc_err *err)
{
    *out = NULL;
    sc_zip z;
    sc_pt *pt = NULL;
    if (n >= 2 && memcmp(bytes, "\x80\x02", 2) == 0)
        return sc_fail(err, SC_EFORMAT,
                       "a bare pickle: only the zip files of torch 1.6 and later "
                       "are read");
    SC_TRY(sc_zip_open(&z, bytes, n, err));
    sc_status st = sc_alloc(&pt, 1, sizeof *pt, err);
    if (st == SC_OK)
        st = decode(pt, &z, n, err);
    sc_zip_close(&z);
    if (st != SC_OK) {
        sc_pt_close(pt);
        return st;
    }
    *out = pt;
    return SC_OK;
}

static sc_status read_all(int fd, unsigned char **out, size_t *out_n, sc_err *err)
{
    struct stat info;
    size_t cap = READ_STEP;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
        cap = (size_t)info.st_size + 1;
    *out = NULL;
    *out_n = 0;
    for (;;) {
        if (*out == NULL || *out_n == cap) {
            cap += *out ? cap / 2 : 0;
            SC_TRY(sc_resize(out, cap, 1, err));
        }
        const ssize_t got = read(fd, *out + *out_n, cap - *out_n);
        if (got == 0)
            return SC_OK;
        if (got < 0 && errno != EINTR)
            return sc_fail_errno(err, "can't be read");
        *out_n += got > 0 ? (size_t)got : 0;
    }
}

sc_status sc_pt_read(sc_pt **out, int fd, const char *name, sc_err *err)
{
    unsigned char *bytes;
    size_t n;
    *out = NULL;
    sc_status st = read_all(fd, &bytes, &n, err);
    if (st == SC_OK && n == 0)
        st = sc_fail(err, SC_EFORMAT, "empty file");
    else if (st == SC_OK)
        st = sc_pt_decode(out, bytes, n, err);
    free(bytes);
    return st == SC_OK ? st : sc_err_prefix(err, st, "%s", name);
}

void sc_pt_close(sc_pt *pt)
{
    if (!pt)
        return;
    sc_pt_arena_free(&pt->arena);
    free(pt);
}

size_t sc_pt_n_tensors(const sc_pt *pt)
{
    return pt->n_tensors;
}

const sc_pt_tensor *sc_pt_tensor_at(const sc_pt *pt, size_t i)
{
    return i < pt->n_tensors ? pt->tensors[i] : NULL;
}

const sc_pt_tensor *sc_pt_tensor_named(const sc_pt *pt, const char *name)
{
    for (size_t i = 0; i < pt->n_tensors; i++)
        if (strcmp(pt->tensors[i]->name, name) == 0)
            return pt->tensors[i];
    return NULL;
}

size_t sc_pt_n_modalities(const sc_pt *pt)
{
    return pt->n_modalities;
}

const sc_pt_modality *sc_pt_modality_at(const sc_pt *pt, size_t i)
{
    return i < pt->n_modalities ? &pt->modalities[i] : NULL;
}

const sc_pt_registry *sc_pt_get_registry(const sc_pt *pt)
{
    return &pt->registry;
}
