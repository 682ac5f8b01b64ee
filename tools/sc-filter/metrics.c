/* Which metrics are made, and of which genes. */
#include "filter.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool asks_qc(const filter_opts *o)
{
    return o->mt_prefix.n || o->gene_names || o->qc_vars.n || o->percent_top;
}

/* Metrics are made for limits, and where they are all that there is to do. */
static sc_status plan(job *j, sc_err *err)
{
    const filter_opts *o = &j->o;
    const bool has_limit = rules_have_limit(&j->cells) || rules_have_limit(&j->genes);
    const bool selects = j->cells.n > 0 || j->genes.n > 0;
    const sc_header *h = sc_reader_header(j->p.in);
    char note[256] = "";
    int m;

    j->writes_qc = o->qc == QC_YES || (o->qc == QC_AUTO && (has_limit || !selects || asks_qc(o)));
    j->has_cell_rules = j->cells.n > 0;
    if (!j->writes_qc && !selects)
        return sc_fail(err, SC_EUSAGE, "--qc no leaves nothing to do: no limit, list or condition");
    if (o->qc == QC_NO && (o->qc_vars.n || o->percent_top))
        return sc_fail(err, SC_EUSAGE, "--qc no writes no metrics, which --%s asks for",
                       o->qc_vars.n ? "qc-var" : "percent-top");
    for (int k = 0; k < h->n_mats && j->has_cell_rules; k++)
        j->has_obsp = j->has_obsp || strncmp(h->mats[k].path, "obsp/", 5) == 0;
    if (!j->writes_qc && !has_limit) {
        if (asks_qc(o) || o->layer)
            return sc_fail(err, SC_EUSAGE, "--%s is about metrics, and none are made here",
                           o->layer        ? "layer"
                           : o->gene_names ? "gene-names"
                                           : "mt-prefix");
        return SC_OK;
    }
    SC_TRY(sc_reader_counts(j->p.in, o->layer, &m, note, sizeof note, err));
    if (*note)
        sc_cli_note(&filter_tool, o, "%s", note);
    j->src = &h->mats[m];
    return sc_qc_open(&j->qc, h->var.n_rows, err);
}

static bool begins(const filter_opts *o, const char *name)
{
    if (!o->mt_prefix.n)
        return strncmp(name, "MT-", 3) == 0 || strncmp(name, "mt-", 3) == 0;
    for (int k = 0; k < o->mt_prefix.n; k++)
        if (strncmp(name, o->mt_prefix.items[k], strlen(o->mt_prefix.items[k])) == 0)
            return true;
    return false;
}

/* Mitochondrial genes by name, unless a column of flags "mt" was named. */
static sc_status mark_mt(job *j, sc_err *err)
{
    const filter_opts *o = &j->o;
    const sc_table *var = &sc_reader_header(j->p.in)->var;
    const sc_col *names = o->gene_names ? sc_table_find(var, o->gene_names) : NULL;
    char buf[64];
    uint8_t *marks = NULL;
    int64_t n = 0;
    if (o->gene_names && !names)
        return sc_fail(err, SC_EDATA,
                       "var has no column '%s'; sc-view -t var shows those there are",
                       o->gene_names);
    SC_TRY(sc_alloc(&marks, (size_t)var->n_rows, 1, err));
    for (int64_t k = 0; k < var->n_rows; k++) {
        const char *name =
            names ? sc_col_text(names, k, buf, sizeof buf) : sc_strs_at(&var->names, k);
        marks[k] = begins(o, name);
        n += marks[k];
    }
    sc_status st = n ? sc_qc_add_set(&j->qc, "mt", marks, err) : SC_OK;
    if (!n && (o->mt_prefix.n || o->max_pct_mt < INFINITY))
        st = sc_fail(err, SC_EDATA,
                     "no gene begins with %s, as '%s' is named: --mt-prefix says how mitochondrial "
                     "genes begin, --gene-names which var column has such names",
                     o->mt_prefix.n ? o->mt_prefix.items[0] : "'MT-' or 'mt-'",
                     var->n_rows ? sc_strs_at(&var->names, 0) : "");
    free(marks);
    return st;
}

static sc_status add_sets(job *j, sc_err *err)
{
    const sc_param_list *list = &j->o.qc_vars;
    const sc_table *var = &sc_reader_header(j->p.in)->var;
    bool has_mt = false;
    for (int k = 0; k < list->n; k++) {
        const sc_col *c = sc_table_find(var, list->items[k]);
        if (!c || c->type != SC_COL_BOOL)
            return sc_fail(err, SC_EDATA, "var has no column of True and False '%s'",
                           list->items[k]);
        SC_TRY(sc_qc_add_set(&j->qc, c->name, c->v.b, err));
        has_mt = has_mt || strcmp(c->name, "mt") == 0;
    }
    if (has_mt && (j->o.mt_prefix.n || j->o.gene_names))
        return sc_fail(err, SC_EUSAGE,
                       "--qc-var mt says which genes are mitochondrial: leave out "
                       "--mt-prefix and --gene-names");
    return has_mt ? SC_OK : mark_mt(j, err);
}

static sc_status add_tops(job *j, sc_err *err)
{
    static const int64_t usual[] = {50, 100, 200, 500};
    const char *s = j->o.percent_top;
    if (!s)
        for (int k = 0; k < 4 && usual[k] <= j->qc.n_vars; k++)
            SC_TRY(sc_qc_add_top(&j->qc, usual[k], err));
    if (!s || strcmp(s, "none") == 0)
        return SC_OK;
    for (;; s++) {
        char *end;
        errno = 0;
        const long long k = strtoll(s, &end, 10);
        if (end == s || errno || (*end && *end != ','))
            return sc_fail(err, SC_EUSAGE, "--percent-top takes numbers such as 50,100, or none");
        SC_TRY(sc_qc_add_top(&j->qc, k, err));
        s = end;
        if (!*s)
            return SC_OK;
    }
}

sc_status plan_metrics(job *j, sc_err *err)
{
    SC_TRY(plan(j, err));
    if (!j->src)
        return SC_OK;
    SC_TRY(add_tops(j, err));
    return add_sets(j, err);
}

sc_status describe_obs(job *j, sc_err *err)
{
    sc_table t = {0};
    if (j->writes_qc) {
        SC_TRY(sc_qc_cells(&j->qc, NULL, &t, err));
        const sc_status st = sc_qc_move(&j->p.out.obs, &t, err);
        sc_table_free(&t);
        SC_TRY(st);
    }
    return rules_check(&j->cells, &j->p.out.obs, "obs", err);
}
