/* record_module.c -- finds libaerials-gdbm.so: beside the library we are in, else where the loader looks. */
#include "files/records.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY_PATH_SIZE 4096

/* Beside ourselves: an installed tree can be moved, and a build tree has both in one place. False: we do not know where we are. */
static bool beside(char path[LIBRARY_PATH_SIZE])
{
    Dl_info self;
    const char *slash;

    if (!dladdr((const void *)aer_version, &self) || !self.dli_fname) return false;
    slash = strrchr(self.dli_fname, '/');
    if (!slash) return false;
    return snprintf(path, LIBRARY_PATH_SIZE, "%.*s/" GDBM_MODULE_NAME, (int)(slash - self.dli_fname), self.dli_fname) <
           LIBRARY_PATH_SIZE;
}

static int absent(struct err *err, const char *why)
{
    return aer__err_set(err, AER_INVALID, GDBM_MODULE_NAME " is not installed: %.300s", why ? why : "it cannot be opened");
}

int aer__records_load(struct files *f, struct err *err)
{
    struct records *r = f->records;
    char path[LIBRARY_PATH_SIZE];
    const struct gdbm_module *module;
    void *library = NULL;

    if (r->module) return AER_OK;
    if (beside(path)) library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) library = dlopen(GDBM_MODULE_NAME, RTLD_NOW | RTLD_LOCAL);
    if (!library) return absent(err, dlerror());
    module = dlsym(library, GDBM_MODULE_SYMBOL);
    if (!module || module->version != GDBM_MODULE_VERSION) {
        dlclose(library);
        return absent(err, "the one that is there is of another version of Aerials");
    }
    r->library = library;
    r->module = module;
    return AER_OK;
}

void aer__records_unload(struct files *f)
{
    if (f->records->library) dlclose(f->records->library);
    f->records->library = NULL;
    f->records->module = NULL;
}

int aer__records_result(const struct gdbm_module *module, int result, const char *verb, const char *path, struct err *err)
{
    switch (result) {
    case GDBM_MODULE_OK: return AER_OK;
    case GDBM_MODULE_NONE: return AER_NOTFOUND;
    case GDBM_MODULE_NOMEM: return aer__err_nomem(err);
    case GDBM_MODULE_SYSTEM: return aer__err_os(err, verb, path);
    default: return aer__err_set(err, AER_CORRUPT, "'%s' is damaged: gdbm says: %.200s", path, module->why());
    }
}
