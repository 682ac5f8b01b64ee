/* What the files of sc-filter share. */
#ifndef FILTER_H
#define FILTER_H

#include "sc_condition.h"
#include "sc_pass.h"
#include "sc_qc.h"
#include "sc_subset.h"

enum { QC_AUTO, QC_YES, QC_NO };

typedef struct filter_opts {
    sc_common common;
    double min_counts, max_counts, min_genes, max_genes, max_pct_mt;
    double min_cells, max_cells, min_counts_per_gene, max_counts_per_gene;
    const char *cells, *drop_cells, *genes, *drop_genes;
    const char *gene_names, *percent_top, *layer;
    sc_param_list obs, var, mt_prefix, qc_vars;
    int qc;
} filter_opts;

/* Names that a file lists. */
typedef struct name_list {
    const char *path; /* lent */
    bool keeps;       /* those on the list, else the others */
    sc_strs names;
    sc_names *by_name;
    uint8_t *is_found;
} name_list;

/* What a row of obs or var must fulfil; exactly one of the three ways. */
typedef struct rule {
    char option[300];   /* as the user wrote it, for the account */
    const char *column; /* of the metrics: its value is held to limit */
    bool is_min;
    double limit;
    sc_condition *condition; /* on the table */
    name_list *list;
    int64_t n_failed; /* rows that passed all rules before this one */
} rule;

enum { RULES_MAX = 64 };

/* All of an axis, in the order in which they are asked. */
typedef struct rules {
    int n;
    rule all[RULES_MAX];
    int64_t n_seen, n_kept;
} rules;

/* Reads the lists and conditions that the options name. rules_free is due whatever was returned. */
sc_status rules_of_cells(rules *r, const filter_opts *o, sc_err *err);
sc_status rules_of_genes(rules *r, const filter_opts *o, sc_err *err);
void rules_free(rules *r);
bool rules_have_limit(const rules *r);
/* SC_EDATA or SC_EUSAGE if the columns of t can't be asked what the conditions ask. */
sc_status rules_check(const rules *r, const sc_table *t, const char *axis, sc_err *err);
/*
 * Marks in keep the rows of t that fulfil all rules; metrics has a row for each, and may be NULL
 * where no rule is a limit. scratch has room for a mark a row.
 */
void rules_apply(rules *r, const sc_table *t, const sc_table *metrics, uint8_t *keep,
                 uint8_t *scratch);
void rules_reset(rules *r); /* forgets what was counted */
/* "12 fail --min-genes 200, 3 --max-pct-mt 10"; "" if none fails. */
void rules_account(const rules *r, char *buf, size_t buf_len);
/* SC_EDATA if nothing is left of the axis, with what took most, or the list that met no row. */
sc_status rules_left(const rules *r, const char *what, sc_err *err);
/* A note on the next list, from rule *at on, of whose names some were not met; "" if there is
 * none. */
void rules_unmet(const rules *r, const char *what, int *at, char *note, size_t note_len);

typedef struct job {
    filter_opts o;
    sc_pass p;
    rules cells, genes;
    const sc_mat *src; /* the counts, lent by the reader; NULL: not needed */
    bool writes_qc, has_cell_rules, drops_genes;
    sc_qc qc;
    sc_subset subset; /* of genes */
    int64_t n_room;   /* rows that the next three have room for */
    uint8_t *keep, *scratch;
    int64_t *rows;
    bool has_obsp; /* whose columns are cells */
    int64_t n_map, map_room;
    int32_t *map; /* cell of the input -> of the output, -1 */
} job;

extern const sc_tool filter_tool;

/* metrics.c: says whether metrics are needed and written, and of what: j->src, j->qc. */
sc_status plan_metrics(job *j, sc_err *err);
/* The header of the output as far as obs goes; conditions are checked. */
sc_status describe_obs(job *j, sc_err *err);

/* pass.c: the first pass, and what has to be known before the header is written: which genes stay
 * and how many cells. */
sc_status look(job *j, sc_err *err);
sc_status choose_genes(job *j, sc_err *err);
sc_status describe_obsp(job *j, sc_err *err);
/* The second, or the only one. */
sc_status write_rows(job *j, sc_writer *out, sc_err *err);

#endif
