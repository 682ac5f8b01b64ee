/* The passes over the cells. */
#include "filter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static sc_status make_room(job *j, int64_t n, sc_err *err)
{
    if (n <= j->n_room)
        return SC_OK;
    SC_TRY(sc_resize(&j->keep, (size_t)n, 1, err));
    SC_TRY(sc_resize(&j->scratch, (size_t)n, 1, err));
    SC_TRY(sc_resize(&j->rows, (size_t)n, sizeof *j->rows, err));
    j->n_room = n;
    return SC_OK;
}

/* Metrics of a block's cells, into its obs where they are written, and marks of those that stay.
 * x: the counts, if they are needed. */
static sc_status judge(job *j, sc_block *b, sc_rows *x, sc_err *err)
{
    sc_table metrics = {0}, *obs = NULL;
    sc_status st = SC_OK;
    SC_TRY(make_room(j, sc_block_n_rows(b), err));
    SC_TRY(sc_block_obs(b, &obs, err));
    if (j->src) {
        SC_TRY(sc_rows_of(b, j->src, x, err));
        SC_TRY(sc_rows_check(x, b, j->src, &sc_reader_header(j->p.in)->var, "counts", err));
        SC_TRY(sc_qc_cells(&j->qc, x, &metrics, err));
    }
    if (j->writes_qc) {
        st = sc_qc_move(obs, &metrics, err);
        sc_block_touch(b, NULL);
    }
    if (st == SC_OK)
        rules_apply(&j->cells, obs, j->writes_qc ? obs : &metrics, j->keep, j->scratch);
    sc_table_free(&metrics);
    return st;
}

static sc_status map_cells(job *j, int64_t n, sc_err *err)
{
    if (j->n_map + n > INT32_MAX)
        return sc_fail(err, SC_EDATA, "more than %d cells", INT32_MAX);
    if (j->n_map + n > j->map_room) {
        j->map_room = j->n_map + j->n_map / 2 + n;
        SC_TRY(sc_resize(&j->map, (size_t)j->map_room, sizeof *j->map, err));
    }
    int32_t at = (int32_t)(j->cells.n_kept);
    for (int64_t i = n - 1; i >= 0; i--)
        j->map[j->n_map + i] = j->keep[i] ? --at : -1;
    j->n_map += n;
    return SC_OK;
}

/* What has to be known before the header is written: which genes stay, and how many cells. */
sc_status look(job *j, sc_err *err)
{
    sc_block *b;
    sc_status st;
    SC_TRY(sc_reader_keep(j->p.in, err));
    while ((st = sc_reader_next(j->p.in, &b, err)) == SC_OK) {
        sc_rows x;
        SC_TRY(judge(j, b, &x, err));
        if (j->src)
            sc_qc_add(&j->qc, &x, j->keep);
        if (j->has_obsp)
            SC_TRY(map_cells(j, sc_block_n_rows(b), err));
    }
    if (st != SC_END)
        return st;
    SC_TRY(rules_left(&j->cells, "cell", err));
    j->p.out.n_obs = j->cells.n_kept;
    rules_reset(&j->cells);
    return sc_reader_rewind(j->p.in, err);
}

sc_status choose_genes(job *j, sc_err *err)
{
    sc_table metrics = {0};
    uint8_t *marks = NULL, *scratch = NULL;
    const size_t n = (size_t)j->p.out.var.n_rows;
    sc_status st = SC_OK;
    SC_GOTO(st, sc_alloc(&marks, n, 1, err), out);
    SC_GOTO(st, sc_alloc(&scratch, n, 1, err), out);
    if (j->src)
        SC_GOTO(st, sc_qc_genes(&j->qc, &metrics, err), out);
    if (j->writes_qc)
        SC_GOTO(st, sc_qc_move(&j->p.out.var, &metrics, err), out);
    SC_GOTO(st, rules_check(&j->genes, &j->p.out.var, "var", err), out);
    rules_apply(&j->genes, &j->p.out.var, j->writes_qc ? &j->p.out.var : &metrics, marks, scratch);
    SC_GOTO(st, rules_left(&j->genes, "gene", err), out);
    j->drops_genes = j->genes.n_kept < j->genes.n_seen;
    if (j->drops_genes) {
        SC_GOTO(st, sc_subset_new(&j->subset, marks, j->p.out.var.n_rows, err), out);
        st = sc_subset_header(&j->subset, &j->p.out, err);
    }
out:
    sc_table_free(&metrics);
    free(marks);
    free(scratch);
    return st;
}

sc_status describe_obsp(job *j, sc_err *err)
{
    for (int k = 0; k < j->p.out.n_mats && j->has_obsp; k++) {
        sc_mat *m = &j->p.out.mats[k];
        if (strncmp(m->path, "obsp/", 5) != 0)
            continue;
        if (!m->is_sparse || (m->n_cols >= 0 && m->n_cols != j->n_map))
            return sc_fail(err, SC_EFORMAT, "'%s' is no sparse matrix of %" PRId64 " cells",
                           m->path, j->n_map);
        m->n_cols = j->p.out.n_obs;
    }
    return SC_OK;
}

static sc_status fewer_neighbors(job *j, sc_block *b, const char *path, sc_err *err)
{
    sc_csr *from, to = {0};
    SC_TRY(sc_block_sparse(b, path, &from, err));
    for (int64_t k = 0; k < from->indptr[from->n_rows]; k++)
        if (from->indices[k] >= j->n_map)
            return sc_fail(err, SC_EFORMAT, "'%s' names cell %d of %" PRId64, path,
                           from->indices[k], j->n_map);
    SC_TRY(sc_csr_take_cols(&to, from, j->map, j->p.out.n_obs, err));
    const sc_status st = sc_block_set_sparse(b, path, &to, err);
    sc_csr_free(&to);
    return st;
}

static sc_status write_block(job *j, sc_block *b, sc_writer *out, sc_err *err)
{
    int64_t n = 0;
    for (int64_t i = 0; i < sc_block_n_rows(b); i++)
        if (j->keep[i])
            j->rows[n++] = i;
    if (n == 0)
        return SC_OK;
    if (j->drops_genes)
        SC_TRY(sc_subset_block(&j->subset, &j->p.out, b, err));
    if (n < sc_block_n_rows(b))
        SC_TRY(sc_block_take_rows(b, &j->p.out, j->rows, n, err));
    for (int k = 0; k < j->p.out.n_mats && j->has_obsp; k++)
        if (strncmp(j->p.out.mats[k].path, "obsp/", 5) == 0)
            SC_TRY(fewer_neighbors(j, b, j->p.out.mats[k].path, err));
    return sc_writer_put(out, b, err);
}

sc_status write_rows(job *j, sc_writer *out, sc_err *err)
{
    sc_status st;
    sc_block *b;
    while ((st = sc_reader_next(j->p.in, &b, err)) == SC_OK) {
        sc_rows x;
        if (j->has_cell_rules || j->writes_qc)
            SC_TRY(judge(j, b, &x, err));
        else if ((st = make_room(j, sc_block_n_rows(b), err)) == SC_OK)
            memset(j->keep, 1, (size_t)sc_block_n_rows(b));
        if (st == SC_OK)
            st = write_block(j, b, out, err);
        SC_TRY(st);
    }
    return st == SC_END ? SC_OK : st;
}
