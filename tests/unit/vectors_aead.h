/* Known answers for AEADs. GCM: the test cases of McGrew and Viega's specification that have 96-bit
 * IVs. RFC 4309 and RFC 4543 have none of their own: those rows come from CCM and GHASH written in
 * Python over AES blocks, which agree with packet vector 1 of RFC 3610. */
#pragma once

#include "vector.h"
#include "wire/ikev2.h"

static const struct seal_vector aead_vectors[] = {
	{
		"GCM spec case 1",
		{ ENCR_AES_GCM_16, 128, INTEG_NONE },
		.encr_key = "0000000000000000000000000000000000000000",
		.iv = "0000000000000000",
		.icv = "58e2fccefa7e3061367f1d57a4e7455a",
	},
	{
		"GCM spec case 2",
		{ ENCR_AES_GCM_16, 128, INTEG_NONE },
		.encr_key = "0000000000000000000000000000000000000000",
		.iv = "0000000000000000",
		.text = "00000000000000000000000000000000",
		.sealed = "0388dace60b6a392f328c2b971b2fe78",
		.icv = "ab6e47d42cec13bdf53a67b21257bddf",
	},
	{
		"GCM spec case 3",
		{ ENCR_AES_GCM_16, 128, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308cafebabe",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		.sealed = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
			  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
		.icv = "4d5c2af327cd64a62cf35abd2ba6fab4",
	},
	{
		"GCM spec case 4",
		{ ENCR_AES_GCM_16, 128, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308cafebabe",
		.aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		.sealed = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
			  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		.icv = "5bc94fbc3221a5db94fae95ae7121a47",
	},
	{
		"GCM spec case 4",
		{ ENCR_AES_GCM_12, 128, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308cafebabe",
		.aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		.sealed = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
			  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		.icv = "5bc94fbc3221a5db94fae95a",
	},
	{
		"GCM spec case 4",
		{ ENCR_AES_GCM_8, 128, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308cafebabe",
		.aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		.sealed = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
			  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
		.icv = "5bc94fbc3221a5db",
	},
	{
		"GCM spec case 7",
		{ ENCR_AES_GCM_16, 192, INTEG_NONE },
		.encr_key = "00000000000000000000000000000000000000000000000000000000",
		.iv = "0000000000000000",
		.icv = "cd33b28ac773f74ba00ed1f312572435",
	},
	{
		"GCM spec case 8",
		{ ENCR_AES_GCM_16, 192, INTEG_NONE },
		.encr_key = "00000000000000000000000000000000000000000000000000000000",
		.iv = "0000000000000000",
		.text = "00000000000000000000000000000000",
		.sealed = "98e7247c07f0fe411c267e4384b0f600",
		.icv = "2ff58d80033927ab8ef4d4587514f0fb",
	},
	{
		"GCM spec case 9",
		{ ENCR_AES_GCM_16, 192, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		.sealed = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
			  "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710acade256",
		.icv = "9924a7c8587336bfb118024db8674a14",
	},
	{
		"GCM spec case 10",
		{ ENCR_AES_GCM_16, 192, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
		.aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		.sealed = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
			  "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
		.icv = "2519498e80f1478f37ba55bd6d27618c",
	},
	{
		"GCM spec case 10",
		{ ENCR_AES_GCM_12, 192, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
		.aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		.sealed = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
			  "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
		.icv = "2519498e80f1478f37ba55bd",
	},
	{
		"GCM spec case 10",
		{ ENCR_AES_GCM_8, 192, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
		.aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		.sealed = "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c"
			  "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
		.icv = "2519498e80f1478f",
	},
	{
		"GCM spec case 13",
		{ ENCR_AES_GCM_16, 256, INTEG_NONE },
		.encr_key = "0000000000000000000000000000000000000000000000000000000000000000"
			    "00000000",
		.iv = "0000000000000000",
		.icv = "530f8afbc74536b9a963b4f1c4cb738b",
	},
	{
		"GCM spec case 14",
		{ ENCR_AES_GCM_16, 256, INTEG_NONE },
		.encr_key = "0000000000000000000000000000000000000000000000000000000000000000"
			    "00000000",
		.iv = "0000000000000000",
		.text = "00000000000000000000000000000000",
		.sealed = "cea7403d4d606b6e074ec5d3baf39d18",
		.icv = "d0d1c8a799996bf0265b98b5d48ab919",
	},
	{
		"GCM spec case 15",
		{ ENCR_AES_GCM_16, 256, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
			    "cafebabe",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		.sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
			  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
		.icv = "b094dac5d93471bdec1a502270e3cc6c",
	},
	{
		"GCM spec case 16",
		{ ENCR_AES_GCM_16, 256, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
			    "cafebabe",
		.aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		.sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
			  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		.icv = "76fc6ece0f4e1768cddf8853bb2d551b",
	},
	{
		"GCM spec case 16",
		{ ENCR_AES_GCM_12, 256, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
			    "cafebabe",
		.aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		.sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
			  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		.icv = "76fc6ece0f4e1768cddf8853",
	},
	{
		"GCM spec case 16",
		{ ENCR_AES_GCM_8, 256, INTEG_NONE },
		.encr_key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
			    "cafebabe",
		.aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		.iv = "facedbaddecaf888",
		.text = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		.sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
			  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
		.icv = "76fc6ece0f4e1768",
	},
	{
		"RFC 3610, in Python",
		{ ENCR_AES_CCM_8, 128, INTEG_NONE },
		.encr_key = "404142434445464748494a4b4c4d4e4fa0a1a2",
		.aad = "0102030400000005",
		.iv = "1011121314151617",
		.text = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
		.sealed = "e6dcce7c6ac5b9bc5e179aae28ca30a4e5039436fde7719aea0c91e4b4174014",
		.icv = "ad52be95d9349f2d",
	},
	{
		"RFC 3610, in Python",
		{ ENCR_AES_CCM_12, 192, INTEG_NONE },
		.encr_key = "404142434445464748494a4b4c4d4e4f5051525354555657a0a1a2",
		.aad = "0102030400000005",
		.iv = "1011121314151617",
		.text = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
			"40414243",
		.sealed = "f9dbad57a699c7b53f0cedab3c77cfc4b3547f1921ea05389b785d2ce2afee86"
			  "34d88508",
		.icv = "93f36173b02feac57fbd7553",
	},
	{
		"RFC 3610, in Python",
		{ ENCR_AES_CCM_16, 256, INTEG_NONE },
		.encr_key = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
			    "a0a1a2",
		.aad = "0102030400000005",
		.iv = "1011121314151617",
		.text = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
			"4041424344454647",
		.sealed = "1277f3272b1994bc8c128e4ec74f3fe69712a07cccbf713a626cf4e77fc79c9d"
			  "3cf93a6152930e3b",
		.icv = "c25025f992fa3f6164ac9fde87e0beb3",
	},
	{
		"RFC 3610, in Python",
		{ ENCR_AES_CCM_16, 256, INTEG_NONE },
		.encr_key = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
			    "a0a1a2",
		.iv = "1011121314151617",
		.icv = "3b1952565cc59e044c36d8b771e3acc6",
	},
	{
		"RFC 7634 §A",
		{ ENCR_CHACHA20_POLY1305, 0, INTEG_NONE },
		.encr_key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
			    "a0a1a2a3",
		.aad = "0102030400000005",
		.iv = "1011121314151617",
		.text = "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
			"0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
			"2425262728292a2b2c2d2e2f303132333435363701020204",
		.sealed = "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
			  "14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
			  "cbec163fac469b502773f6fb94e664da9165b82829f641e0",
		.icv = "76aaa8266b7fb0f7b11b369907e1ad43",
	},
	{
		"RFC 7634 §B",
		{ ENCR_CHACHA20_POLY1305, 0, INTEG_NONE },
		.encr_key = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
			    "a0a1a2a3",
		.aad = "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029",
		.iv = "1011121314151617",
		.text = "0000000c000040010000000a00",
		.sealed = "610394701f8d017f7c12924889",
		.icv = "6b71bfe25236efd7cdc67066906315b2",
	},
	{
		"RFC 4543 §3.3, in Python",
		{ ENCR_NULL_AES_GMAC, 128, INTEG_NONE },
		.encr_key = "404142434445464748494a4b4c4d4e4fa0a1a2a3",
		.aad = "0102030400000005",
		.iv = "1011121314151617",
		.text = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b",
		.sealed = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b",
		.icv = "7e4960679af197ac88b3e5e31ba8c422",
	},
	{
		"RFC 4543 §3.3, in Python",
		{ ENCR_NULL_AES_GMAC, 192, INTEG_NONE },
		.encr_key = "404142434445464748494a4b4c4d4e4f5051525354555657a0a1a2a3",
		.aad = "0102030400000005",
		.iv = "1011121314151617",
		.text = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b",
		.sealed = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b",
		.icv = "b98f2750c9dcb69b488c9adef7b51f15",
	},
	{
		"RFC 4543 §3.3, in Python",
		{ ENCR_NULL_AES_GMAC, 256, INTEG_NONE },
		.encr_key = "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
			    "a0a1a2a3",
		.aad = "0102030400000005",
		.iv = "1011121314151617",
		.text = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b",
		.sealed = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b",
		.icv = "29feec30c68073206a8936053399760e",
	},
};
