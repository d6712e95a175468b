/* The user-space data plane in the loop: between the TUN device, the ESP sockets and src/esp. */
#pragma once

#include "esp/esp.h"
#include "host/datagram.h"
#include "tern/ike.h"

struct plane;
struct host;

struct plane *plane_new(
	struct host *h); /* its sockets and device are open; NULL where memory ran out */
void plane_free(struct plane *p);

/* Carries out an operation. Returns 0, or a negative errno with words in `reason`. */
int plane_operate(struct plane *p, ike_time now, const struct ike_operation *o, char *reason,
	size_t reason_size);

/* An SPI that no SA has. Returns 0 or a negative errno. */
int plane_choose_spi(struct plane *p, ike_time now, uint32_t *ret_spi);

/* A batch of ESP packets from one socket; at most PLANE_BATCH. `encap`: they came in UDP. */
#define PLANE_BATCH 256
void plane_receive(
	struct plane *p, ike_time now, const struct datagram *datagrams, size_t count, bool encap);

/* Reads a batch from the device and sends it on. */
void plane_read(struct plane *p, ike_time now);

/* When the engine's outputs are all carried out: takes what came before an inbound SA that has been
 * installed since, and sends what waited in traps for an outbound one, so that the peer hears of the SA
 * first; a moment later where the peer asked for it. */
void plane_release(struct plane *p, ike_time now);

/* A path became narrower. A datagram_narrow_fn with the host as its context. */
void plane_narrow(void *host, const struct datagram_narrow *narrow);

/* The counters; NULL before there is a plane. */
const struct esp *plane_esp(const struct plane *p);
uint64_t plane_unsendable(const struct plane *p); /* packets whose path no socket of ours has */
