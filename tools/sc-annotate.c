/* Columns of obs and var joined by name from tables, dropped, renamed, cast. */
#include "sc_edit.h"
#include "sc_pass.h"
#include "sc_tsv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct annotate_opts {
    sc_common common;
    const char *obs, *var;
    sc_param_list drop, rename, cast;
} annotate_opts;

static const sc_param params[] = {
    SC_STRING(annotate_opts, obs, "obs", "FILE",
              "TSV with a header row, cell names first: its columns go to obs"),
    SC_STRING(annotate_opts, var, "var", "FILE", "the same for genes: its columns go to var"),
    SC_LIST(annotate_opts, drop, "drop", "COL", "drop a column first (obs/COL or var/COL if both)"),
    SC_LIST(annotate_opts, rename, "rename", "OLD=NEW", "rename a column before anything joins"),
    SC_LIST(annotate_opts, cast, "cast", "COL=TYPE",
            "at last, make it a category, string, int, real or bool"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-annotate",
    .brief = "Joins columns to obs or var by name; drops, renames and casts columns.",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_OUTPUT | SC_TOOL_PG,
    .params = params,
    .opts_size = sizeof(annotate_opts),
    .example = "sc-annotate --obs labels.tsv --drop old_labels in.scz > out.scz",
};

typedef struct edits {
    annotate_opts o;
    sc_pass p;
    sc_edit obs, var;
    sc_table obs_tsv, var_tsv;
} edits;

/* "obs/name" and "var/name" say which; a bare name is obs' column if there is one. *name loses the
 * prefix. */
static sc_status axis_of(edits *e, const char **name, size_t len, char *buf, size_t buf_len,
                         sc_edit **axis, sc_err *err)
{
    char near_obs[256], near_var[256];
    (void)snprintf(buf, buf_len, "%.*s", (int)len, *name);
    *name = buf;
    *axis = strncmp(buf, "var/", 4) == 0 ? &e->var : &e->obs;
    if (strncmp(buf, "obs/", 4) == 0 || strncmp(buf, "var/", 4) == 0) {
        *name = buf + 4;
        return SC_OK;
    }
    if (sc_edit_has(&e->obs, buf))
        return SC_OK;
    *axis = &e->var;
    if (sc_edit_has(&e->var, buf))
        return SC_OK;
    sc_edit_near(&e->obs, buf, near_obs, sizeof near_obs);
    sc_edit_near(&e->var, buf, near_var, sizeof near_var);
    return sc_fail(err, SC_EDATA, "neither obs nor var has a column '%s'%s%s%s%s", buf,
                   near_obs[0] ? "; near to it in obs: " : "", near_obs,
                   near_var[0] ? "; near to it in var: " : "", near_var);
}

static sc_status parse_type(const char *text, sc_col_type *type, sc_err *err)
{
    static const struct {
        const char *name;
        sc_col_type type;
    } types[] = {{"category", SC_COL_CATEGORY},
                 {"string", SC_COL_STRING},
                 {"int", SC_COL_INT},
                 {"real", SC_COL_REAL},
                 {"bool", SC_COL_BOOL}};
    for (int i = 0; i < 5; i++)
        if (strcmp(types[i].name, text) == 0) {
            *type = types[i].type;
            return SC_OK;
        }
    return sc_fail(err, SC_EUSAGE, "--cast knows category, string, int, real and bool, not '%s'",
                   text);
}

/* The one argument "old=new": `after` is what follows the last '='. */
static sc_status split(const char *option, const char *arg, size_t *len, const char **after,
                       sc_err *err)
{
    const char *eq = strrchr(arg, '=');
    if (!eq || eq == arg || !eq[1])
        return sc_fail(err, SC_EUSAGE, "--%s takes two names with '=' between them, not '%s'",
                       option, arg);
    *len = (size_t)(eq - arg);
    *after = eq + 1;
    return SC_OK;
}

static sc_status drop_and_rename(edits *e, sc_err *err)
{
    const annotate_opts *o = &e->o;
    char buf[512];
    sc_edit *axis = NULL;
    for (int i = 0; i < o->drop.n; i++) {
        const char *name = o->drop.items[i];
        SC_TRY(axis_of(e, &name, strlen(name), buf, sizeof buf, &axis, err));
        SC_TRY(sc_edit_drop(axis, name, err));
    }
    for (int i = 0; i < o->rename.n; i++) {
        const char *name = o->rename.items[i], *to = NULL;
        size_t len = 0;
        SC_TRY(split("rename", name, &len, &to, err));
        SC_TRY(axis_of(e, &name, len, buf, sizeof buf, &axis, err));
        SC_TRY(sc_edit_rename(axis, name, to, err));
    }
    return SC_OK;
}

static sc_status cast(edits *e, sc_err *err)
{
    const annotate_opts *o = &e->o;
    char buf[512];
    sc_edit *axis = NULL;
    for (int i = 0; i < o->cast.n; i++) {
        const char *name = o->cast.items[i], *to = NULL;
        size_t len = 0;
        sc_col_type type = SC_COL_STRING;
        SC_TRY(split("cast", name, &len, &to, err));
        SC_TRY(parse_type(to, &type, err));
        SC_TRY(axis_of(e, &name, len, buf, sizeof buf, &axis, err));
        SC_TRY(sc_edit_cast(axis, name, type, err));
    }
    return SC_OK;
}

static sc_status read_tables(edits *e, sc_err *err)
{
    if (e->o.obs)
        SC_TRY(sc_tsv_read(&e->obs_tsv, e->o.obs, err));
    return e->o.var ? sc_tsv_read(&e->var_tsv, e->o.var, err) : SC_OK;
}

static sc_status plan(edits *e, sc_err *err)
{
    SC_TRY(sc_edit_open(&e->obs, "obs", &e->p.out.obs, err));
    SC_TRY(sc_edit_open(&e->var, "var", &e->p.out.var, err));
    SC_TRY(drop_and_rename(e, err));
    if (e->o.obs)
        SC_TRY(sc_edit_join(&e->obs, &e->obs_tsv, err));
    if (e->o.var)
        SC_TRY(sc_edit_join(&e->var, &e->var_tsv, err));
    return cast(e, err);
}

/* A cast to category: the header has the categories, so all cells are seen before it is written. */
static sc_status look(edits *e, sc_err *err)
{
    sc_reader *in = e->p.in;
    sc_block *b = NULL;
    sc_status st;
    SC_TRY(sc_reader_keep(in, err));
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        sc_table *obs = NULL;
        SC_TRY(sc_block_obs(b, &obs, err));
        SC_TRY(sc_edit_look(&e->obs, obs, err));
    }
    return st == SC_END ? sc_reader_rewind(in, err) : st;
}

/* Says how many names were found nowhere; that none was is an error. */
static sc_status report(const annotate_opts *o, const sc_edit *e, const char *file, sc_err *err)
{
    int64_t n_used = 0;
    if (!e->joined)
        return SC_OK;
    for (int64_t i = 0; i < e->joined->n_rows; i++)
        n_used += e->is_used[i];
    if (e->n_matched == 0)
        return sc_fail(err, SC_EDATA,
                       "no name in %s is a name in '%s' (there: '%s' and %" PRId64
                       " more; here: '%s' and %" PRId64 " more)",
                       e->axis, file, sc_strs_at(&e->joined->names, 0), e->joined->n_rows - 1,
                       e->first ? e->first : "", e->n_seen - 1);
    if (e->n_matched < e->n_seen || n_used < e->joined->n_rows)
        sc_cli_note(&tool, o,
                    "%" PRId64 " of %" PRId64 " rows of %s are not in '%s'; %" PRId64
                    " of its %" PRId64 " rows are in no %s",
                    e->n_seen - e->n_matched, e->n_seen, e->axis, file, e->joined->n_rows - n_used,
                    e->joined->n_rows, e->axis);
    return SC_OK;
}

static sc_status edit_header(edits *e, sc_err *err)
{
    sc_header *h = &e->p.out;
    sc_table obs = {0}, var = {0};
    SC_TRY(sc_edit_schema(&e->obs, &h->obs, &obs, err));
    sc_table_free(&h->obs);
    h->obs = obs;
    SC_TRY(sc_edit_look(&e->var, &h->var, err));
    SC_TRY(sc_edit_apply(&e->var, &h->var, &var, err));
    sc_table_free(&h->var);
    h->var = var;
    return report(&e->o, &e->var, e->o.var, err);
}

static sc_status copy_rows(void *ctx, sc_writer *out, sc_err *err)
{
    edits *e = ctx;
    sc_block *b = NULL;
    sc_status st;
    while ((st = sc_reader_next(e->p.in, &b, err)) == SC_OK) {
        sc_table *obs = NULL, edited = {0};
        if (e->obs.is_changed) {
            SC_TRY(sc_block_obs(b, &obs, err));
            SC_TRY(sc_edit_apply(&e->obs, obs, &edited, err));
            st = sc_block_set_obs(b, &edited, err);
            sc_table_free(&edited);
            SC_TRY(st);
        }
        SC_TRY(sc_writer_put(out, b, err));
    }
    return st == SC_END ? report(&e->o, &e->obs, e->o.obs, err) : st;
}

static sc_status run(edits *e, sc_err *err)
{
    SC_TRY(read_tables(e, err));
    SC_TRY(sc_pass_open(&e->p, &tool, &e->o.common, err));
    SC_TRY(plan(e, err));
    if (sc_edit_wants_look(&e->obs))
        SC_TRY(look(e, err));
    SC_TRY(edit_header(e, err));
    return sc_pass_write(&e->p, copy_rows, e, err);
}

int main(int argc, char **argv)
{
    edits e = {0};
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &e.o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&e, &err);
    const int code = sc_pass_exit(&e.p, &tool, st, &err);
    sc_edit_free(&e.obs);
    sc_edit_free(&e.var);
    sc_table_free(&e.obs_tsv);
    sc_table_free(&e.var_tsv);
    sc_cli_free(&e.o);
    return code;
}
