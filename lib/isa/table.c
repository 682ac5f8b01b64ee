#include "isa.h"

extern const sc_kernels SC_NAME(kernels);

const sc_kernels SC_NAME(kernels) = {
    .isa = SC_STRING(SC_ISA),
    .width = SC_ISA_WIDTH,
    .gemm_nn = SC_NAME(gemm_nn),
    .gemm_nn_from = SC_NAME(gemm_nn_from),
    .gemm_nt = SC_NAME(gemm_nt),
    .gemm_tn = SC_NAME(gemm_tn),
    .sparse_row = SC_NAME(sparse_row),
    .sparse_sum = SC_NAME(sparse_sum),
    .sparse_pair = SC_NAME(sparse_pair),
    .axpy = SC_NAME(axpy),
    .dot_rows = SC_NAME(dot_rows),
    .near = SC_NAME(near),
    .exp = SC_NAME(exp),
    .log = SC_NAME(log),
    .log1p = SC_NAME(log1p),
    .sigmoid = SC_NAME(sigmoid),
    .softplus = SC_NAME(softplus),
    .lgamma_diff = SC_NAME(lgamma_diff),
    .softmax = SC_NAME(softmax),
    .softmax_grad = SC_NAME(softmax_grad),
    .zinb_row = SC_NAME(zinb_row),
    .head_row = SC_NAME(head_row),
    .mixture_row = SC_NAME(mixture_row),
    .column_sums = SC_NAME(column_sums),
    .column_grads = SC_NAME(column_grads),
    .masks = SC_NAME(masks),
    .normals = SC_NAME(normals),
    .adam = SC_NAME(adam),
};
