/* States: one direction of a Child SA with its keys. */
#include "xfrm/internal.h"

#include <assert.h>
#include <errno.h>
#include <linux/udp.h>

#define ATTRIBUTE_BYTES_MAX 1024
#define WINDOW_PLAIN_MAX    32 /* what the older form of a replay window holds */
#define WINDOW_MAX          4096

/* Without ESN an SA is over with its numbers: it is to be replaced before. */
#define SEQUENCE_LAST UINT32_MAX
#define SEQUENCE_SOFT (UINT32_MAX - UINT32_MAX / 16)

/* What a state may have sent between our reading its counter and its end, generously. */
#define SEQUENCE_GAP 65536u

#define XFRM_STATE_SEQUENCE(child_id) (XFRM_OWNER << 16 | ((child_id)&0xffff))

/* Inbound, the SPI says which it is: a mark is wanted only if that is asked for. */
static struct xfrm_tie tie_of(const struct child_spec *s, bool inbound)
{
	const struct child_marks *m = &s->marks;

	if (!inbound)
		return (struct xfrm_tie){ m->out, m->if_id_out };
	return (struct xfrm_tie){ m->in_sa ? m->in : (struct child_mark){ 0 }, m->if_id_in };
}

struct xfrm_name xfrm_name_of(const struct child_spec *s, bool inbound)
{
	return (struct xfrm_name){
		.destination = inbound ? s->path.local.address : s->path.remote.address,
		.spi = inbound ? s->spi_in : s->spi_out,
		.mark = tie_of(s, inbound).mark.value,
	};
}

/* Algorithms with their keys. */

/* An attribute whose structure ends in octets of any number: a key, a bitmap. */
static bool put_with(struct xfrm_request *r, uint16_t type, struct bytes head, struct bytes tail)
{
	uint8_t out[ATTRIBUTE_BYTES_MAX];
	struct writer w = writer_of(out, sizeof(out));
	bool done;

	write_bytes(&w, head);
	write_bytes(&w, tail);
	done = writer_ok(&w) && put(r, type, w.used, out);
	bytes_wipe(out, sizeof(out));
	return done;
}

static bool put_aead(
	struct xfrm_request *r, const struct xfrm_algorithms *a, const struct secret *key)
{
	struct xfrm_algo_aead head = { .alg_key_len = (uint32_t)key->size * 8,
		.alg_icv_len = a->icv_bits };

	strncpy(head.alg_name, a->aead, sizeof(head.alg_name) - 1);
	return put_with(r, XFRMA_ALG_AEAD, BYTES(&head, sizeof(head)), secret_bytes(key));
}

static bool put_encr(
	struct xfrm_request *r, const struct xfrm_algorithms *a, const struct secret *key)
{
	struct xfrm_algo head = { .alg_key_len = (uint32_t)key->size * 8 };

	strncpy(head.alg_name, a->encr, sizeof(head.alg_name) - 1);
	return put_with(r, XFRMA_ALG_CRYPT, BYTES(&head, sizeof(head)), secret_bytes(key));
}

static bool put_integ(
	struct xfrm_request *r, const struct xfrm_algorithms *a, const struct secret *key)
{
	struct xfrm_algo_auth head = { .alg_key_len = (uint32_t)key->size * 8,
		.alg_trunc_len = a->icv_bits };

	strncpy(head.alg_name, a->integ, sizeof(head.alg_name) - 1);
	return put_with(r, XFRMA_ALG_AUTH_TRUNC, BYTES(&head, sizeof(head)), secret_bytes(key));
}

static bool put_keys(
	struct xfrm_request *r, const struct xfrm_algorithms *a, const struct child_keys *keys)
{
	if (a->aead)
		return put_aead(r, a, &keys->encr);
	return put_encr(r, a, &keys->encr) && put_integ(r, a, &keys->integ);
}

/* The rest of it. */

static bool put_encap(struct xfrm_request *r, const struct child_spec *s, bool inbound)
{
	const struct ike_path *p = &s->path;
	const struct xfrm_encap_tmpl encap = {
		.encap_type = UDP_ENCAP_ESPINUDP,
		.encap_sport = htons(inbound ? p->remote.port : p->local.port),
		.encap_dport = htons(inbound ? p->local.port : p->remote.port),
	};

	return put(r, XFRMA_ENCAP, sizeof(encap), &encap);
}

/* Windows beyond 32 packets, and ESN, which needs a window to guess the upper half by: RFC 4303 §A2. */
static bool put_window(struct xfrm_request *r, uint32_t window)
{
	const uint8_t bitmap[WINDOW_MAX / 8] = { 0 };
	const struct xfrm_replay_state_esn head = { .bmp_len = (window + 31) / 32,
		.replay_window = window };

	assert(window && window <= WINDOW_MAX);
	return put_with(r, XFRMA_REPLAY_ESN_VAL, BYTES(&head, sizeof(head)),
		BYTES(bitmap, head.bmp_len * 4));
}

static uint64_t limit(uint64_t configured, uint64_t most)
{
	return configured && configured < most ? configured : most;
}

static struct xfrm_lifetime_cfg limits_of(const struct child_spec *s, bool inbound)
{
	bool ends = !inbound && !s->esn;

	return (struct xfrm_lifetime_cfg){
		.soft_byte_limit = limit(s->soft_bytes, XFRM_INF),
		.hard_byte_limit = limit(s->hard_bytes, XFRM_INF),
		.soft_packet_limit = limit(s->soft_packets, ends ? SEQUENCE_SOFT : XFRM_INF),
		.hard_packet_limit = limit(s->hard_packets, ends ? SEQUENCE_LAST : XFRM_INF),
	};
}

static uint8_t flags_of(const struct child_spec *s)
{
	uint8_t flags = s->mode == CHILD_TUNNEL ? XFRM_STATE_AF_UNSPEC : 0;

	if (s->esn)
		flags |= XFRM_STATE_ESN;
	if (s->copy_df == COPY_DF_NO)
		flags |= XFRM_STATE_NOPMTUDISC;
	if (!s->copy_ecn)
		flags |= XFRM_STATE_NOECN;
	if (s->copy_dscp == COPY_DSCP_IN || s->copy_dscp == COPY_DSCP_BOTH)
		flags |= XFRM_STATE_DECAP_DSCP;
	return flags;
}

static bool put_outbound(struct xfrm_request *r, const struct xfrm_state_wanted *w)
{
	const struct child_spec *s = w->spec;
	bool put_all = true;

	if (s->copy_dscp == COPY_DSCP_IN || s->copy_dscp == COPY_DSCP_NONE)
		put_all &= put_u32(r, XFRMA_SA_EXTRA_FLAGS, XFRM_SA_XFLAG_DONT_ENCAP_DSCP);
	if (s->tfc_padding && s->mode == CHILD_TUNNEL)
		put_all &= put_u32(r, XFRMA_TFCPAD, s->tfc_padding);
	return put_all;
}

/* The mask is said only where it isn't all bits: older kernels don't know it. */
static bool put_set_mark(struct xfrm_request *r, const struct xfrm_state_wanted *w)
{
	const struct child_marks *m = &w->spec->marks;
	struct child_mark set = w->inbound ? m->set_in : m->set_out;

	if (!set.mask && !w->inbound && w->mark)
		set = (struct child_mark){ w->mark, UINT32_MAX };
	return !set.mask ||
		(put_u32(r, XFRMA_SET_MARK, set.value) &&
			(set.mask == UINT32_MAX || put_u32(r, XFRMA_SET_MARK_MASK, set.mask)));
}

int xfrm_put_state(struct xfrm_request *r, const struct xfrm_state_wanted *w)
{
	const struct child_spec *s = w->spec;
	const struct xfrm_name name = xfrm_name_of(s, w->inbound);
	uint32_t window = s->esn && !s->replay_window ? WINDOW_PLAIN_MAX : s->replay_window;
	bool long_window = s->esn || window > WINDOW_PLAIN_MAX, all;
	struct xfrm_usersa_info *sa = request_begin(
		r, XFRM_MSG_NEWSA, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(*sa));
	const struct xfrm_tie tie = tie_of(s, w->inbound);
	struct xfrm_algorithms algorithms;
	int failed = xfrm_algorithms_of(&s->suite, &algorithms);

	if (failed)
		return failed;
	sa->id.daddr = address_to_kernel(&name.destination);
	sa->id.spi = htonl(name.spi);
	sa->id.proto = IPPROTO_ESP;
	sa->saddr =
		address_to_kernel(w->inbound ? &s->path.remote.address : &s->path.local.address);
	sa->lft = limits_of(s, w->inbound);
	sa->seq = XFRM_STATE_SEQUENCE(s->child_id);
	sa->reqid = w->reqid;
	sa->family = family_to_kernel(name.destination.family);
	sa->mode = s->mode == CHILD_TRANSPORT ? XFRM_MODE_TRANSPORT : XFRM_MODE_TUNNEL;
	sa->replay_window = long_window ? 0 : (uint8_t)window;
	sa->flags = flags_of(s);
	all = put_keys(r, &algorithms, w->inbound ? &s->keys_in : &s->keys_out);
	if (s->encap)
		all &= put_encap(r, s, w->inbound);
	if (long_window)
		all &= put_window(r, window);
	if (!w->inbound)
		all &= put_outbound(r, w);
	all &= put_set_mark(r, w) && put_tie(r, &tie);
	return all ? 0 : -ENOBUFS;
}

int xfrm_add_offload(
	struct xfrm_request *r, unsigned device, const struct child_spec *s, bool inbound)
{
	struct xfrm_user_offload offload;

	memset(&offload, 0, sizeof(offload)); /* what fills it up at its end, too */
	offload.ifindex = (int)device;
	offload.flags = (uint8_t)((inbound ? XFRM_OFFLOAD_INBOUND : 0) |
		(s->path.local.address.family == 6 ? XFRM_OFFLOAD_IPV6 : 0));
	return put(r, XFRMA_OFFLOAD_DEV, sizeof(offload), &offload) ? 0 : -ENOBUFS;
}

static int put_name(
	struct xfrm_request *r, uint16_t type, uint16_t flags, const struct xfrm_name *name)
{
	const struct xfrm_tie tie = { .mark = { name->mark, UINT32_MAX } };
	struct xfrm_usersa_id *id = request_begin(r, type, flags, sizeof(*id));

	id->daddr = address_to_kernel(&name->destination);
	id->spi = htonl(name->spi);
	id->family = family_to_kernel(name->destination.family);
	id->proto = IPPROTO_ESP;
	return !name->mark || put_tie(r, &tie) ? 0 : -ENOBUFS;
}

int xfrm_put_state_delete(struct xfrm_request *r, const struct xfrm_name *name)
{
	return put_name(r, XFRM_MSG_DELSA, NLM_F_ACK, name);
}

int xfrm_put_state_get(struct xfrm_request *r, const struct xfrm_name *name)
{
	return put_name(r, XFRM_MSG_GETSA, NLM_F_ACK, name);
}

int xfrm_put_states_dump(struct xfrm_request *r)
{
	request_begin(r, XFRM_MSG_GETSA, NLM_F_DUMP, sizeof(struct xfrm_usersa_info));
	return 0;
}

/* Moving. */

/* What of a state follows it as it is. Its encapsulation is the path's, and its authentication is told
 * twice. */
static bool follows(uint16_t type)
{
	switch (type) {
	case XFRMA_ALG_AEAD:
	case XFRMA_ALG_CRYPT:
	case XFRMA_ALG_AUTH_TRUNC:
	case XFRMA_SA_EXTRA_FLAGS:
	case XFRMA_TFCPAD:
	case XFRMA_SET_MARK:
	case XFRMA_SET_MARK_MASK:
	case XFRMA_MARK:
	case XFRMA_IF_ID:
		return true;
	default:
		return false;
	}
}

static bool put_replay(struct xfrm_request *r, struct bytes value)
{
	struct xfrm_replay_state replay;

	if (value.size != sizeof(replay))
		return false;
	memcpy(&replay, value.data, sizeof(replay));
	replay.oseq =
		replay.oseq > UINT32_MAX - SEQUENCE_GAP ? UINT32_MAX : replay.oseq + SEQUENCE_GAP;
	return put(r, XFRMA_REPLAY_VAL, sizeof(replay), &replay);
}

static bool put_replay_esn(struct xfrm_request *r, struct bytes value)
{
	struct xfrm_replay_state_esn replay;
	uint64_t next;

	if (value.size < sizeof(replay))
		return false;
	memcpy(&replay, value.data, sizeof(replay));
	next = ((uint64_t)replay.oseq_hi << 32 | replay.oseq) + SEQUENCE_GAP;
	replay.oseq = (uint32_t)next;
	replay.oseq_hi = (uint32_t)(next >> 32);
	return put_with(r, XFRMA_REPLAY_ESN_VAL, BYTES(&replay, sizeof(replay)),
		BYTES(value.data + sizeof(replay), value.size - sizeof(replay)));
}

static bool put_again(struct xfrm_request *r, const struct attribute *a)
{
	switch (a->type) {
	case XFRMA_REPLAY_VAL:
		return put_replay(r, a->value);
	case XFRMA_REPLAY_ESN_VAL:
		return put_replay_esn(r, a->value);
	default:
		return !follows(a->type) || put(r, a->type, a->value.size, a->value.data);
	}
}

int xfrm_put_state_moved(
	struct xfrm_request *r, struct bytes told, const struct child_spec *spec, bool inbound)
{
	const struct xfrm_name name = xfrm_name_of(spec, inbound);
	struct reader from = reader_of(told);
	struct xfrm_usersa_info was, *sa;
	struct nlmsghdr head;
	struct attribute a;
	bool all;

	read_copy(&from, &head, sizeof(head));
	read_copy(&from, &was, sizeof(was));
	if (!reader_ok(&from) || head.nlmsg_type != XFRM_MSG_NEWSA)
		return -EBADMSG;
	sa = request_begin(r, XFRM_MSG_NEWSA, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(*sa));
	*sa = was;
	sa->id.daddr = address_to_kernel(&name.destination);
	sa->saddr =
		address_to_kernel(inbound ? &spec->path.remote.address : &spec->path.local.address);
	sa->family = family_to_kernel(name.destination.family);
	all = put(r, XFRMA_LTIME_VAL, sizeof(was.curlft), &was.curlft);
	while (all && attribute_next(&from, &a))
		all = put_again(r, &a);
	if (spec->encap)
		all = all && put_encap(r, spec, inbound);
	return all ? 0 : -ENOBUFS;
}

/* What waits after an acquire. */

int xfrm_put_larval_spi(struct xfrm_request *r, const struct xfrm_larval *l, uint32_t spi)
{
	struct xfrm_userspi_info *u = request_begin(r, XFRM_MSG_ALLOCSPI, NLM_F_ACK, sizeof(*u));

	u->info.id.daddr = address_to_kernel(&l->destination);
	u->info.id.proto = IPPROTO_ESP;
	u->info.saddr = address_to_kernel(&l->source);
	u->info.family = family_to_kernel(l->destination.family);
	u->info.seq = l->sequence;
	u->info.reqid = l->reqid;
	u->info.mode = l->mode;
	u->min = u->max = spi;
	return put_tie(r, &l->tie) ? 0 : -ENOBUFS;
}
