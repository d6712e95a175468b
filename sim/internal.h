/* What the parts of the world use of each other. */
#pragma once

#include "sim/world.h"

/* Everything that goes on in one line of the ladder. */
void ladder(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An invariant does not hold: the first one is kept. */
void world_broken(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Randomness of its own for whatever is called so: what else is in the world doesn't change it. */
uint64_t world_stream(const struct world *w, const char *name, const char *other);
uint64_t stream_random(uint64_t *state, uint64_t below);
bool stream_chance(uint64_t *state, unsigned percent);
void world_die(const char *what) __attribute__((noreturn));       /* the caller's mistake */
void world_seeded_fill(void *context, uint8_t *out, size_t size); /* context: the state */
struct crypto *world_crypto(struct world *w);

/* Hosts. */
void host_free(struct host *h);
void host_enter(struct host *h); /* before an input of its engine; memory_leave() after it */
ike_time host_now(const struct host *h);
ike_time host_due(const struct host *h, bool timers); /* in the world's time */
bool host_step(struct host *h);                       /* does what is due; false: nothing was */
void host_drain(struct host *h);
bool host_has_address(const struct host *h, const struct address *a);
void host_kernel_later(struct host *h, const struct ike_kernel_event *event);
void host_ask(struct host *h, const struct ike_question *q);
void host_answers_clear(struct host *h);
bool host_answer_step(struct host *h);
bool host_answer_uses(struct host *h); /* false: there were none */

/* The network. */
void network_send(struct host *from, enum sim_carries carries, const struct ike_path *path,
	struct bytes datagram);
void packet_queue(struct world *w, const struct sim_packet *like, struct bytes datagram);
bool network_step(struct world *w);
void network_free(struct world *w);

/* The attacker. */
void attacker_free(struct world *w);
bool attacker_has(const struct address *a);
void attacker_records(struct host *to, const struct sim_packet *p, const struct ike_path *path);
void attacker_asks(struct world *w, const struct sim_packet *p); /* before it arrives */
void attacker_hears(struct host *from, struct bytes datagram);
void check_sent(struct host *h, enum sim_carries carries, const struct ike_path *path,
	struct bytes datagram);
void check_attacked(struct host *h);

/* The plane. */
void plane_begin(struct host *h);
void plane_end(struct host *h);
void plane_operate(struct host *h, const struct ike_operation *op);
bool plane_receive(struct host *h, const struct sim_packet *p); /* whether it was delivered */
void virtual_operate(struct host *h, const struct ike_operation *op);
void plane_release(struct host *h); /* after all outputs: what traps kept goes */
uint32_t plane_spi(struct host *h);
void plane_use(const struct host *h, uint32_t child_id, ike_time *ret_in, ike_time *ret_out);

/* Checks, in checks.c. */
void check_key_unused(struct host *h, const struct child_spec *spec);
void check_sequence(struct host *h, uint32_t child_id, struct bytes packet);
void check_ends(struct host *h, const struct sim_child *c);
void check_clear(struct host *h, const struct address *from, const struct address *to);
void check_told(struct host *h, const char *text);
void check_limits(struct host *h);
