/* Rows of many inputs as one: one pass for the cells' names, if they may clash, and one for the
 * rows. */
#include "sc_cli.h"
#include "sc_concat.h"
#include "sc_each.h"
#include "sc_threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOIN_AS_GENES = SC_JOIN_OUTER + 1 };
enum { SUFFIX_AUTO, SUFFIX_ALWAYS, SUFFIX_NEVER };

typedef struct cat_opts {
    sc_common common;
    int join; /* sc_join */
    int protein_join;
    int suffix;
    const char *batch_key, *batch_names;
} cat_opts;

static const sc_param params[] = {
    SC_CHOICE(cat_opts, join, "join", SC_JOIN_INNER, "inner|outer",
              "genes that all inputs have, or all genes"),
    SC_CHOICE(cat_opts, protein_join, "protein-join", JOIN_AS_GENES, "inner|outer|as-genes",
              "the same of proteins, and of other obsm columns that have names"),
    SC_STRING(cat_opts, batch_key, "batch-key", "NAME",
              "obs column that tells the inputs apart; '' for none; without this: batch"),
    SC_STRING(cat_opts, batch_names, "batch-names", "A,B",
              "what it says of each input; without this the file names"),
    SC_CHOICE(cat_opts, suffix, "suffix", SUFFIX_AUTO, "auto|always|never",
              "put -<batch> to cell names; auto: to all if any clash, which takes a pass more"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-cat",
    .brief = "Joins the cells of many inputs, matching genes by name.",
    .operands = "IN...",
    .min_operands = 1,
    .max_operands = -1,
    .flags = SC_TOOL_THREADS | SC_TOOL_OUTPUT | SC_TOOL_PG,
    .params = params,
    .opts_size = sizeof(cat_opts),
    .example = "sc-cat --batch-key tech v2.scz v3.scz > both.scz",
};

typedef struct inputs {
    int n;
    sc_reader **readers;
    const sc_header **headers;
    const char **names;
    sc_strs batches;
    sc_pool *pool;
} inputs;

static sc_status open_inputs(inputs *in, const cat_opts *o, sc_err *err)
{
    const size_t n = (size_t)o->common.n_operands;
    in->n = o->common.n_operands;
    SC_TRY(sc_pool_new(&in->pool, (int)o->common.n_threads, err));
    SC_TRY(sc_alloc(&in->readers, n, sizeof *in->readers, err));
    SC_TRY(sc_alloc(&in->headers, n, sizeof *in->headers, err));
    SC_TRY(sc_alloc(&in->names, n, sizeof *in->names, err));
    for (int i = 0; i < in->n; i++) {
        SC_TRY(sc_reader_open_path(&in->readers[i], o->common.operands[i], err));
        if (o->suffix == SUFFIX_AUTO)
            SC_TRY(sc_reader_keep(in->readers[i], err));
        in->headers[i] = sc_reader_header(in->readers[i]);
        in->names[i] = sc_reader_name(in->readers[i]);
    }
    return SC_OK;
}

static void close_inputs(inputs *in)
{
    for (int i = 0; in->readers && i < in->n; i++)
        sc_reader_close(in->readers[i]);
    free(in->readers);
    free(in->headers);
    free(in->names);
    sc_strs_free(&in->batches);
    sc_pool_free(in->pool);
}

/* dir/v2.scz is called v2. */
static sc_status name_after_files(inputs *in, sc_err *err)
{
    for (int i = 0; i < in->n; i++) {
        const char *slash = strrchr(in->names[i], '/');
        const char *base = slash ? slash + 1 : in->names[i];
        const size_t len = strlen(base);
        const bool is_scz = len > 4 && strcmp(base + len - 4, ".scz") == 0;
        SC_TRY(sc_strs_push(&in->batches, base, is_scz ? len - 4 : len, err));
        for (int k = 0; k < i; k++)
            if (strcmp(sc_strs_at(&in->batches, k), sc_strs_at(&in->batches, i)) == 0)
                return sc_fail(err, SC_EUSAGE,
                               "'%s' and '%s' would be the same batch '%s'; --batch-names gives "
                               "them names",
                               in->names[k], in->names[i], sc_strs_at(&in->batches, i));
    }
    return SC_OK;
}

static sc_status name_batches(inputs *in, const cat_opts *o, sc_err *err)
{
    if (!o->batch_names)
        return name_after_files(in, err);
    for (const char *s = o->batch_names;;) {
        const size_t len = strcspn(s, ",");
        if (len == 0)
            return sc_fail(err, SC_EUSAGE, "--batch-names '%s' has an empty name", o->batch_names);
        SC_TRY(sc_strs_push(&in->batches, s, len, err));
        if (!s[len])
            break;
        s += len + 1;
    }
    if (in->batches.n != in->n)
        return sc_fail(err, SC_EUSAGE, "--batch-names has %d names for %d inputs",
                       (int)in->batches.n, in->n);
    return SC_OK;
}

static sc_status decode_names(void *ctx, int tid, sc_block *b, sc_err *err)
{
    sc_table *obs = NULL;
    (void)ctx;
    (void)tid;
    return sc_block_obs(b, &obs, err);
}

static sc_status add_names(void *ctx, int tid, sc_block *b, sc_err *err)
{
    sc_strs *cells = ctx;
    sc_table *obs = NULL;
    (void)tid;
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int64_t row = 0; row < obs->n_rows; row++) {
        const char *name = sc_strs_at(&obs->names, row);
        SC_TRY(sc_strs_push(cells, name, strlen(name), err));
    }
    return SC_OK;
}

/* All cells' names, and where those of input i end; every input is rewound. */
static sc_status read_names(const inputs *in, sc_strs *cells, int64_t *ends, sc_err *err)
{
    const sc_each each = {.work = decode_names, .turn = add_names, .ctx = cells};
    for (int i = 0; i < in->n; i++) {
        SC_TRY(sc_reader_each(in->readers[i], NULL, in->pool, &each, err));
        SC_TRY(sc_reader_rewind(in->readers[i], err));
        ends[i] = cells->n;
    }
    return SC_OK;
}

/* The first name that was there before, or -1. */
static sc_status first_again(const sc_strs *cells, int64_t *at, sc_err *err)
{
    sc_names *by_name = NULL;
    *at = -1;
    SC_TRY(sc_names_new(&by_name, cells, err));
    for (int64_t i = 0; i < cells->n && *at < 0; i++)
        if (sc_names_find(by_name, sc_strs_at(cells, i)) != i)
            *at = i;
    sc_names_free(by_name);
    return SC_OK;
}

/* Batches may have one name, and an input a cell twice: the suffix then tells no cells apart. */
static sc_status note_left(const inputs *in, const sc_strs *cells, const int64_t *ends,
                           const cat_opts *o, sc_err *err)
{
    sc_strs names = {0};
    char name[512];
    int64_t at = -1;
    sc_status st = SC_OK;
    for (int64_t i = 0, k = 0; i < cells->n && st == SC_OK; i++) {
        while (i >= ends[k])
            k++;
        const int n =
            snprintf(name, sizeof name, "%s-%s", sc_strs_at(cells, i), sc_strs_at(&in->batches, k));
        if (n < (int)sizeof name)
            st = sc_strs_push(&names, name, (size_t)n, err);
    }
    if (st == SC_OK)
        st = first_again(&names, &at, err);
    if (at >= 0)
        sc_cli_note(&tool, o, "cell '%s' is there more than once all the same",
                    sc_strs_at(&names, at));
    sc_strs_free(&names);
    return st;
}

static sc_status find_clash(const inputs *in, sc_concat *plan, const cat_opts *o, sc_err *err)
{
    sc_strs cells = {0};
    int64_t *ends = NULL, at = -1;
    sc_status st;
    SC_GOTO(st, sc_alloc(&ends, (size_t)in->n, sizeof *ends, err), out);
    SC_GOTO(st, read_names(in, &cells, ends, err), out);
    SC_GOTO(st, first_again(&cells, &at, err), out);
    plan->out.n_obs = cells.n;
    plan->with_suffix = at >= 0;
    if (at < 0)
        goto out;
    sc_cli_note(&tool, o, "cell '%s' is there more than once: -<batch> is put to all names",
                sc_strs_at(&cells, at));
    st = note_left(in, &cells, ends, o, err);
out:
    sc_strs_free(&cells);
    free(ends);
    return st;
}

typedef struct source {
    const sc_concat *plan;
    int i; /* the input */
} source;

static sc_status turn_block(void *ctx, int tid, sc_block *b, sc_err *err)
{
    const source *from = ctx;
    (void)tid;
    return sc_concat_block(from->plan, from->i, b, err);
}

static sc_status copy_rows(const inputs *in, const sc_concat *plan, sc_writer *out, sc_err *err)
{
    for (int i = 0; i < in->n; i++) {
        source from = {plan, i};
        const sc_each each = {.work = turn_block, .ctx = &from};
        SC_TRY(sc_reader_each(in->readers[i], out, in->pool, &each, err));
    }
    return sc_writer_finish(out, err);
}

static sc_status run(const cat_opts *o, const inputs *in, sc_concat *plan, sc_err *err)
{
    sc_output file = {0};
    sc_writer *out = NULL;
    plan->with_suffix = o->suffix == SUFFIX_ALWAYS;
    if (o->suffix == SUFFIX_AUTO)
        SC_TRY(find_clash(in, plan, o, err));
    if (!o->common.no_pg)
        SC_TRY(sc_header_record(&plan->out, tool.name, o->common.argc, o->common.argv, err));
    for (int64_t i = 0; i < plan->notes.n; i++)
        sc_cli_note(&tool, o, "%s", sc_strs_at(&plan->notes, i));
    SC_TRY(sc_output_open(&file, o->common.output, true, err));
    sc_status st = sc_writer_open(&out, file.fd, file.name, &plan->out, err);
    if (st == SC_OK)
        st = copy_rows(in, plan, out, err);
    sc_writer_close(out);
    if (st == SC_OK)
        st = sc_output_commit(&file, err);
    sc_output_abandon(&file);
    return st;
}

int main(int argc, char **argv)
{
    cat_opts o;
    inputs in = {0};
    sc_concat plan = {0};
    sc_err err = {0};

    sc_status st = sc_cli_parse(&tool, &o, argc, argv, &err);
    const char *key = o.batch_key ? o.batch_key : "batch";
    if (st == SC_OK)
        st = open_inputs(&in, &o, &err);
    if (st == SC_OK)
        st = name_batches(&in, &o, &err);
    if (st == SC_OK)
        st = sc_concat_plan(&plan, in.headers, in.names, &in.batches, in.n, (sc_join)o.join,
                            (sc_join)(o.protein_join == JOIN_AS_GENES ? o.join : o.protein_join),
                            *key ? key : NULL, &err);
    if (st == SC_OK)
        st = run(&o, &in, &plan, &err);

    sc_concat_free(&plan);
    close_inputs(&in);
    sc_cli_free(&o);
    return sc_cli_exit(&tool, st, &err);
}
