/* The IKE header, RFC 7296 §3.1, and what an encrypted fragment has between its generic header and
 * its ciphertext, RFC 7383 §2.5. */
#include "wire/wire.h"

bool header_decode(struct bytes datagram, struct ike_header *ret_header)
{
	struct reader r = reader_of(datagram);
	struct ike_header header;

	header.spi_i = read_u64(&r);
	header.spi_r = read_u64(&r);
	header.next_payload = read_u8(&r);
	header.version = read_u8(&r);
	header.exchange = read_u8(&r);
	header.flags = read_u8(&r);
	header.message_id = read_u32(&r);
	header.length = read_u32(&r);
	if (!reader_ok(&r))
		return false;

	*ret_header = header;
	return true;
}

void header_encode(struct writer *w, const struct ike_header *header)
{
	write_u64(w, header->spi_i);
	write_u64(w, header->spi_r);
	write_u8(w, header->next_payload);
	write_u8(w, header->version);
	write_u8(w, header->exchange);
	write_u8(w, header->flags);
	write_u32(w, header->message_id);
	write_u32(w, header->length);
}

bool skf_decode(struct bytes body, struct skf_head *ret_skf)
{
	struct reader r = reader_of(body);
	uint16_t number = read_u16(&r);
	uint16_t total = read_u16(&r);
	struct bytes rest = read_rest(&r);

	if (!reader_done(&r) || number == 0 || number > total)
		return false;

	*ret_skf = (struct skf_head){ .number = number, .total = total, .rest = rest };
	return true;
}

void skf_encode_head(struct writer *w, uint16_t number, uint16_t total)
{
	write_u16(w, number);
	write_u16(w, total);
}
