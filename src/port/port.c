/* port.c -- which format, and handing the job to it.
 *
 * For: the command line. Must not know: how a format is read or written.
 */
#include "port/port_internal.h"

#include <string.h>
#include <sys/stat.h>

int aer__port_format(const char *name)
{
    static const char *const names[] = {"dir", "tar", "jsonl", "aerialsdb", "gertrude"};

    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0) return PORT_DIR + i;
    return -1;
}

static bool ends_with(const char *path, const char *ending)
{
    size_t size = strlen(path), ending_size = strlen(ending);

    return size > ending_size && strcmp(path + size - ending_size, ending) == 0;
}

int aer__port_guess(const char *path)
{
    static const char *const tars[] = {".tar", ".tar.gz",  ".tgz",  ".tar.bz2", ".tbz2", ".tar.xz",
                                       ".txz", ".tar.zst", ".tzst", ".tar.lz4", ".tar.Z"};
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return aer__port_is_gertrude(path) ? PORT_GERTRUDE : PORT_DIR;
    for (size_t i = 0; i < sizeof(tars) / sizeof(tars[0]); i++)
        if (ends_with(path, tars[i])) return PORT_TAR;
    if (ends_with(path, ".jsonl") || ends_with(path, ".ndjson")) return PORT_JSONL;
    return PORT_FORMAT_GUESS;
}

int aer__port_import(aer_db *db, const struct port_import *job, struct port_counts *counts, struct port_error *error)
{
    struct sink sink;
    int rc = aer__port_sink_open(&sink, db, job, counts, error);

    if (rc == AER_OK && job->format == PORT_DIR) rc = aer__port_import_dir(&sink, error);
    else if (rc == AER_OK && job->format == PORT_TAR) rc = aer__port_import_tar(&sink, error);
    else if (rc == AER_OK && job->format == PORT_JSONL) rc = aer__port_import_jsonl(&sink, error);
    else if (rc == AER_OK && job->format == PORT_AERIALSDB) rc = aer__port_import_aerialsdb(&sink, error);
    else if (rc == AER_OK && job->format == PORT_GERTRUDE) rc = aer__port_import_gertrude(&sink, error);
    else if (rc == AER_OK) rc = aer__port_fail(error, AER_MISUSE, "no format");
    if (rc == AER_OK) rc = aer__port_sink_commit(&sink, error);
    counts->one_transaction = sink.whole;
    if (rc != AER_OK) { /* what the last batch held is not in */
        counts->inserted = sink.committed.inserted;
        counts->replaced = sink.committed.replaced;
        counts->bytes = sink.committed.bytes;
    }
    aer__port_sink_close(&sink);
    return rc;
}

int aer__port_export(aer_db *db, const struct port_export *job, struct port_counts *counts, struct port_error *error)
{
    struct source source;
    int rc = aer__port_source_open(&source, db, job, counts, error);

    if (rc == AER_OK && job->format == PORT_DIR) rc = aer__port_export_dir(&source, error);
    else if (rc == AER_OK && job->format == PORT_TAR) rc = aer__port_export_tar(&source, error);
    else if (rc == AER_OK && job->format == PORT_JSONL) rc = aer__port_export_jsonl(&source, error);
    else if (rc == AER_OK) rc = aer__port_fail(error, AER_MISUSE, "no format");
    aer__port_source_close(&source);
    return rc;
}
