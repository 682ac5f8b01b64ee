/*
 * sc-filter: quality metrics of cells and genes, and fewer of both: by limits, lists, conditions.
 */
#include "sc-filter/filter.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LIMIT(field, name, def, doc) SC_REAL(filter_opts, field, name, def, 0, INFINITY, doc)

static const sc_param params[] = {
    LIMIT(min_counts, "min-counts", 0, "counts that a cell must have"),
    LIMIT(max_counts, "max-counts", INFINITY, "counts that it may have"),
    LIMIT(min_genes, "min-genes", 0, "genes that must have counts in a cell"),
    LIMIT(max_genes, "max-genes", INFINITY, "genes that may"),
    LIMIT(max_pct_mt, "max-pct-mt", INFINITY, "percent of its counts in mitochondrial genes"),
    LIMIT(min_cells, "min-cells", 0, "kept cells that must have counts of a gene"),
    LIMIT(max_cells, "max-cells", INFINITY, "kept cells that may"),
    LIMIT(min_counts_per_gene, "min-counts-per-gene", 0, "counts of a gene in all kept cells"),
    LIMIT(max_counts_per_gene, "max-counts-per-gene", INFINITY, "the most that it may have"),
    SC_STRING(filter_opts, cells, "cells", "FILE", "keep the cells named here, one a line"),
    SC_STRING(filter_opts, drop_cells, "drop-cells", "FILE", "drop those"),
    SC_STRING(filter_opts, genes, "genes", "FILE", "keep the genes named here"),
    SC_STRING(filter_opts, drop_genes, "drop-genes", "FILE", "drop those"),
    SC_LIST(filter_opts, obs, "obs", "CONDITION", "keep cells: 'tech == 5p & total_counts > 500'"),
    SC_LIST(filter_opts, var, "var", "CONDITION", "keep genes: 'highly_variable == True'"),
    SC_CHOICE(filter_opts, qc, "qc", QC_AUTO, "auto|yes|no",
              "write metrics into obs and var; auto: where a limit or nothing is asked for"),
    SC_LIST(filter_opts, mt_prefix, "mt-prefix", "TEXT",
            "how mitochondrial genes begin; without it MT- and mt-"),
    SC_STRING(filter_opts, gene_names, "gene-names", "COLUMN", "var column to look for that in"),
    SC_LIST(filter_opts, qc_vars, "qc-var", "COLUMN", "var column of flags: metrics of its genes"),
    SC_STRING(filter_opts, percent_top, "percent-top", "K,...",
              "metrics of the K largest genes, or none; without it 50,100,200,500"),
    SC_STRING(filter_opts, layer, "layer", "NAME", "counts to take, \"X\" or a layer"),
    SC_PARAM_END};

const sc_tool filter_tool = {
    .name = "sc-filter",
    .brief = "measure the quality of cells and genes; keep those within limits",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_OUTPUT | SC_TOOL_PG,
    .params = params,
    .opts_size = sizeof(filter_opts),
    .example = "sc-filter --min-genes 200 --max-pct-mt 10 --min-cells 3 in.scz > cells.scz",
};

static sc_status account(const job *j, const rules *r, const char *what, sc_err *err)
{
    char text[SC_ERR_MAX];
    int at = 0;
    SC_TRY(rules_left(r, what, err));
    while (at < r->n) {
        rules_unmet(r, what, &at, text, sizeof text);
        if (*text)
            sc_cli_note(&filter_tool, &j->o, "%s", text);
    }
    rules_account(r, text, sizeof text);
    if (r->n)
        sc_cli_note(&filter_tool, &j->o, "%" PRId64 " of %" PRId64 " %ss are kept%s%s", r->n_kept,
                    r->n_seen, what, *text ? ": " : "", text);
    return SC_OK;
}

static sc_status write_all(void *ctx, sc_writer *out, sc_err *err)
{
    job *j = ctx;
    SC_TRY(write_rows(j, out, err));
    SC_TRY(account(j, &j->cells, "cell", err));
    return account(j, &j->genes, "gene", err);
}

/* Two passes where the header has to say what only the cells tell. */
static sc_status describe(job *j, sc_err *err)
{
    if (j->writes_qc || rules_have_limit(&j->genes) || j->has_obsp)
        SC_TRY(look(j, err));
    else if (j->has_cell_rules)
        j->p.out.n_obs = -1;
    SC_TRY(choose_genes(j, err));
    return describe_obsp(j, err);
}

/* Once per condition; that with != keeps all, and nothing else would tell. */
static void note_odd(const job *j, const rules *r, const sc_table *t, const char *axis)
{
    char note[SC_ERR_MAX] = "";
    for (int k = 0; k < r->n; k++) {
        if (r->all[k].condition)
            sc_condition_odd(r->all[k].condition, t, axis, note, sizeof note);
        if (*note)
            sc_cli_note(&filter_tool, &j->o, "%s", note);
        *note = '\0';
    }
}

static sc_status run(job *j, sc_err *err)
{
    SC_TRY(rules_of_cells(&j->cells, &j->o, err));
    SC_TRY(rules_of_genes(&j->genes, &j->o, err));
    SC_TRY(sc_pass_open(&j->p, &filter_tool, &j->o.common, err));
    SC_TRY(plan_metrics(j, err));
    SC_TRY(describe_obs(j, err));
    note_odd(j, &j->cells, &sc_reader_header(j->p.in)->obs, "obs");
    note_odd(j, &j->genes, &sc_reader_header(j->p.in)->var, "var");
    SC_TRY(describe(j, err));
    return sc_pass_write(&j->p, write_all, j, err);
}

int main(int argc, char **argv)
{
    job j = {0};
    sc_err err = {0};
    sc_status st = sc_cli_parse(&filter_tool, &j.o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&j, &err);
    const int status = sc_pass_exit(&j.p, &filter_tool, st, &err);
    rules_free(&j.cells);
    rules_free(&j.genes);
    sc_qc_free(&j.qc);
    sc_subset_free(&j.subset);
    free(j.keep);
    free(j.scratch);
    free(j.rows);
    free(j.map);
    sc_cli_free(&j.o);
    return status;
}
