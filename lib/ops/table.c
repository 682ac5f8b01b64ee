#include "op.h"

#define SC_OP_EXTERN(id, name) extern const sc_op SC_X(sc_op_##name);
SC_OP_LIST(SC_OP_EXTERN)

#define SC_OP_ENTRY(id, name) [id] = &SC_X(sc_op_##name),
extern const sc_op *const SC_X(sc_ops)[SC_OP_COUNT];
const sc_op *const SC_X(sc_ops)[SC_OP_COUNT] = {SC_OP_LIST(SC_OP_ENTRY)};
