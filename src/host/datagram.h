/* Datagrams in batches: recvmmsg and sendmmsg with what the kernel tells beside the octets. Every
 * socket of the daemon, UDP or raw, IPv4 or IPv6, is read and written here, so that a packet's
 * local address is known in one way. Datagrams of one size along one path cross the kernel's stack
 * as one where it can do that (UDP_SEGMENT, UDP_GRO): it costs as much as any one of them would. */
#pragma once

#include "base/address.h"

#include <sys/socket.h>

#define DATAGRAM_BATCH     64
#define DATAGRAM_BYTES_MAX 65536

struct datagram {
	struct ike_path
		path; /* ports are 0 with raw sockets; local.address may be none when sending */
	struct bytes data;
	uint8_t tos; /* DSCP and ECN of the outer header */
	bool df;     /* sending: set DF (IPv6: never fragment) */
	bool marker; /* sending: put the non-ESP marker in front */
	bool cut;    /* receiving: it was longer than DATAGRAM_BYTES_MAX */
	uint16_t
		segment_bytes; /* receiving: it is several of this size, the last perhaps shorter: see
				   datagram_next(); 0: one */
};

/* A path that the kernel found too narrow. */
struct datagram_narrow {
	struct address remote;
	uint32_t mtu;       /* 0: not told */
	struct bytes start; /* what is known of our packet behind its IP and UDP headers; a view */
};

typedef void datagram_narrow_fn(void *context, const struct datagram_narrow *narrow);

struct datagram_options {
	uint32_t mark; /* on everything sent, so that it isn't routed into our own tunnel */
	datagram_narrow_fn *narrow;
	void *context;
};

/* What was lost at a socket, in datagrams. */
struct datagram_losses {
	uint64_t send_full;    /* no room in the socket's buffer or the device's queue */
	uint64_t send_too_big; /* longer than the path takes */
	uint64_t send_failed;  /* for whatever else the kernel said */
	uint64_t cut;          /* received: longer than DATAGRAM_BYTES_MAX */
	uint64_t neither;      /* received: too short for IKE and for ESP */
};

/* One socket and how it is set. */
struct datagram_socket {
	int fd; /* -1: closed */
	uint8_t family;
	bool raw;
	bool whole; /* datagrams are sent one by one: nothing under it can cut */
	int df;     /* what it is set to: 1, 0, or -1 where unknown */
	uint16_t port;
	struct datagram_losses losses;
	uint64_t overflowed; /* as datagram_overflowed() last saw it */
	datagram_narrow_fn *narrow;
	void *context;
};

/* The memory of one batch of received datagrams; reused by every read. */
struct datagram_batch;
struct datagram_batch *datagram_batch_new(void);
void datagram_batch_free(struct datagram_batch *b);

/* Options for packet information, TOS, the mark and the error queue. Returns 0 or a negative errno
 * with words. */
int datagram_set_up(struct datagram_socket *s, uint32_t mark, const char **ret_what);
void datagram_close(struct datagram_socket *s);

/* Reads up to DATAGRAM_BATCH datagrams, fewer where they are big; what they point to is valid until
 * the next read into the same batch. Returns how many, 0 where none is left. */
size_t datagram_receive(struct datagram_socket *s, struct datagram_batch *b,
	struct datagram out[static DATAGRAM_BATCH]);

/* One by one the datagrams that a received one consists of. `*at` begins with 0. False after the
 * last. */
bool datagram_next(const struct datagram *received, size_t *at, struct datagram *ret_one);

/* Sends any number in order, as many at once as have the same DF. Returns 0, or the first failure (the rest is
 * sent all the same): -EMSGSIZE where a packet with DF was too big, after `narrow` was called. */
int datagram_send(struct datagram_socket *s, const struct datagram *datagrams, size_t count);

/* How many datagrams came while the socket's buffer was full, or had a wrong checksum, since it was
 * opened. The kernel counts to 2^32: to be asked more often than that. */
uint64_t datagram_overflowed(struct datagram_socket *s);

/* Empties the error queue, reporting what narrows a path. */
void datagram_read_errors(struct datagram_socket *s);
