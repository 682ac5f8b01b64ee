/* The files of a plugin that sc-model new writes, @NAME@ standing for its name. */
#ifndef SC_MODEL_SKELETON_H
#define SC_MODEL_SKELETON_H

enum { MODEL_SKELETONS = 3 };

typedef struct model_skeleton {
    const char *name;
    unsigned mode;
    const char *text;
} model_skeleton;

extern const model_skeleton model_skeletons[MODEL_SKELETONS];

#endif
