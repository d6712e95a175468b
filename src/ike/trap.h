/* Traps: policies without a Child SA. A packet that meets one makes the plane keep it and raise
 * IKE_KERNEL_ACQUIRE; the child is then initiated as by a command, and has the trap's reqid, which is
 * how the plane knows that what it kept may go. A trap stays until it is removed, whatever becomes of
 * its children. */
#pragma once

#include "ike/engine.h"

struct ike_sa;

/* Lays a trap (where the child is a shunt: the shunt) for a child of a loaded connection, or gives the one there is a new configuration.
 * Returns 0, or a negative errno with words in `why`; where that is NULL they are told. -EINVAL:
 * nobody to initiate to, or nothing that a packet could match yet. */
int trap_install(struct ike_engine *e, const struct connection *c,
	const struct child_config *config, char *why, size_t why_size);

/* Takes it away; children stay. False where there was none. */
bool trap_remove(
	struct ike_engine *e, const struct connection *c, const struct child_config *config);
bool trap_installed(
	const struct ike_engine *e, const struct connection *c, const struct child_config *config);

/* A connection was loaded anew (its traps follow it, or go with their children), or is unloaded. */
void traps_reload(struct ike_engine *e, const struct connection *c);
void traps_unload(struct ike_engine *e, const char *connection_name);
void traps_free(struct ike_engine *e);

/* IKE_KERNEL_ACQUIRE. Ignored while the child is under way, and for a while after a failure. */
void trap_acquired(struct ike_engine *e, const struct ike_kernel_event *event);

/* IKE_KERNEL_REFUSED without a child: the plane could not lay it. It is told, and gone. */
void trap_refused(struct ike_engine *e, const struct ike_kernel_event *event);

/* The commands that acquiring runs under: nobody waits for them but the trap. */
#define TRAP_COMMAND (1ull << 63)

/* Such a command is done. */
void trap_settled(struct ike_engine *e, uint64_t command, bool ok, const char *text);

/* The packet that a child is being initiated for: its selectors go first into TSi and TSr, RFC 7296
 * §2.9. False where none is. */
bool trap_packet(const struct ike_sa *sa, const struct child_config *config,
	struct selector *ret_source, struct selector *ret_destination);

/* The reqid of the trap that a child of this SA belongs to; 0: none. */
uint32_t trap_reqid(const struct ike_sa *sa, const struct child_config *config);

/* Its marks; NULL: none. Valid until the trap is laid anew. */
const struct child_marks *trap_marks(const struct ike_sa *sa, const struct child_config *config);
