/*
 * First layers, gene by gene: the gradient of a gene's weights is summed over its cells in
 * registers and goes from there to Adam. Two layers of the same counts go together: what is known
 * of a gene serves both.
 */
#include "adam.h"
#include "isa.h"

/* Vectors of a layer's gradient that registers hold beside those of another. */
enum { SPAN = W == 16 ? 8 : 4 };

/* The entries of a gene. */
typedef struct entries {
    int64_t n;
    const int32_t *row;
    const float *value;
} entries;

/* nv vectors of columns from j on, of 1 or 2 layers: constants where this is inlined. */
static inline __attribute__((always_inline)) vf span(int nv, int n_layers, const entries *e,
                                                     const sc_gene_layer *l, const adam *s,
                                                     int64_t gene, int64_t n, int64_t j)
{
    vf a[SPAN], b[SPAN], bad = v_set(0);
    const float *dy = l[0].dy + j, *dy2 = l[n_layers - 1].dy + j;
    for (int v = 0; v < nv; v++)
        a[v] = b[v] = v_set(0);
    for (int64_t k = 0; k < e->n; k++) {
        const int64_t at = e->row[k] * n;
        const vf x = v_set(e->value[k]);
        for (int v = 0; v < nv; v++)
            a[v] = v_fma(x, v_load(dy + at + v * W), a[v]);
        for (int v = 0; v < nv && n_layers == 2; v++)
            b[v] = v_fma(x, v_load(dy2 + at + v * W), b[v]);
    }
    const int64_t to = gene * n + j;
    for (int v = 0; v < nv; v++)
        bad += adam_one(s, l[0].p + to + v * W, l[0].m + to + v * W, l[0].v + to + v * W, a[v]);
    for (int v = 0; v < nv && n_layers == 2; v++)
        bad += adam_one(s + 1, l[1].p + to + v * W, l[1].m + to + v * W, l[1].v + to + v * W, b[v]);
    return bad;
}

/* The last columns, fewer than a vector has lanes. */
static vf tail(int n_layers, const entries *e, const sc_gene_layer *l, const adam *s, int64_t gene,
               int64_t n, int64_t j)
{
    const int64_t to = gene * n + j;
    vf bad = v_set(0);
    for (int i = 0; i < n_layers; i++) {
        vf g = v_set(0);
        for (int64_t k = 0; k < e->n; k++)
            g = v_fma(v_set(e->value[k]), v_load_part(l[i].dy + e->row[k] * n + j, n - j, 0), g);
        bad += adam_part(s + i, n - j, l[i].p + to, l[i].m + to, l[i].v + to, g);
    }
    return bad;
}

static inline __attribute__((always_inline)) bool descend(int n_layers, int64_t n_genes,
                                                          const int32_t *ptr, const int32_t *row,
                                                          const float *value, int64_t n,
                                                          const sc_gene_layer *l)
{
    const adam s[2] = {adam_of(l[0].args), adam_of(l[n_layers - 1].args)};
    vf bad = v_set(0);
    for (int64_t gene = 0; gene < n_genes; gene++) {
        const entries e = {ptr[gene + 1] - ptr[gene], row + ptr[gene], value + ptr[gene]};
        int64_t j = 0;
        for (; j + SPAN * W <= n; j += SPAN * W)
            bad += span(SPAN, n_layers, &e, l, s, gene, n, j);
        for (; j + W <= n; j += W)
            bad += span(1, n_layers, &e, l, s, gene, n, j);
        if (j < n)
            bad += tail(n_layers, &e, l, s, gene, n, j);
    }
    return !v_any(v_not_ge(bad, v_set(0)));
}

bool SC_NAME(descend_genes)(int64_t n_genes, const int32_t *ptr, const int32_t *row,
                            const float *value, int64_t n, int n_layers, const sc_gene_layer *l)
{
    return n_layers == 2 ? descend(2, n_genes, ptr, row, value, n, l)
                         : descend(1, n_genes, ptr, row, value, n, l);
}
