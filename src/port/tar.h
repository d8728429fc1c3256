/* tar.h -- what import_tar.c and export_tar.c agree on.
 *
 * A key that an entry's type, mode and mtime cannot describe (no meta, more meta, an expiry) carries it in extended
 * attributes of the entry, which other programs ignore:
 *
 *     user.aerials.meta       the JSON as it is; empty: the key has none
 *     user.aerials.expires    milliseconds since 1970, decimal
 */
#ifndef AER_PORT_TAR_H
#define AER_PORT_TAR_H

#define TAR_META "user.aerials.meta"
#define TAR_EXPIRES "user.aerials.expires"

#endif
