/* Known answers for ciphers with a MAC. The RFCs give ciphertexts and MACs apart; where a row has
 * both, the ICV is HMAC-SHA1-96 over IV and ciphertext from Python's hmac. */
#pragma once

#include "vector.h"
#include "wire/ikev2.h"

static const struct seal_vector mac_vectors[] = {
	{
		"RFC 3602 §4 case 1",
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 },
		.encr_key = "06a9214036b8a15b512e03d534120006",
		.integ_key = "0b*20",
		.iv = "3dafba429d9eb430b422da802c9fac41",
		.text = "53696e676c6520626c6f636b206d7367",
		.sealed = "e353779c1079aeb82708942dbe77181a",
		.icv = "fa743e492b51fb5216297f3b",
	},
	{
		"RFC 3602 §4 case 2",
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 },
		.encr_key = "c286696d887c9aa0611bbb3e2025a45a",
		.integ_key = "0b*20",
		.iv = "562e17996d093d28ddb3ba695a2e6f58",
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		.sealed = "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1",
		.icv = "0c89a84b48517347e5800dcf",
	},
	{
		"RFC 3602 §4 case 3",
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 },
		.encr_key = "6c3ea0477630ce21a2ce334aa746c2cd",
		.integ_key = "0b*20",
		.iv = "c782dc4c098c66cbd9cd27d825682c81",
		.text = "5468697320697320612034382d62797465206d65737361676520286578616374"
			"6c7920332041455320626c6f636b7329",
		.sealed = "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5"
			  "021c19216bad525c8579695d83ba2684",
		.icv = "5cffb943a4ab6b062fec85b5",
	},
	{
		"RFC 3602 §4 case 4",
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 },
		.encr_key = "56e47a38c5598974bc46903dba290349",
		.integ_key = "0b*20",
		.iv = "8ce82eefbea0da3c44699ed7db51b7d9",
		.text = "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
			"c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf",
		.sealed = "c30e32ffedc0774e6aff6af0869f71aa0f3af07a9a31a9c684db207eb0ef8e4e"
			  "35907aa632c3ffdf868bb7b29d3d46ad83ce9f9a102ee99d49a53e87f4c3da55",
		.icv = "66f2ab883f62e0fe031cad30",
	},
	{
		"RFC 3602 §4 case 5",
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 },
		.encr_key = "90d382b410eeba7ad938c46cec1a82bf",
		.integ_key = "0b*20",
		.aad = "0000432100000001",
		.iv = "e96e8c08ab465763fd098d45dd3ff893",
		.text = "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f1011121314151617"
			"18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
			"0102030405060708090a0b0c0d0e0e01",
		.sealed = "f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856"
			  "a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874a"
			  "a269add047ad2d5913ac19b7cfbad4a6",
		.icv = "cf264838385a370fec0fbf47",
	},
	{
		"RFC 3602 §4 case 8",
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 },
		.encr_key = "0123456789abcdef0123456789abcdef",
		.integ_key = "0b*20",
		.aad = "0000876500000005",
		.iv = "85d47224b5f3dd5d2101d4ea8dffab22",
		.text = "45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083d"
			"a3de0300ffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
			"ffffffff0102030405060708090a0a04",
		.sealed = "15b92683819596a8047232cc00f7048fe45318e11f8a0f62ede3c3fc61203bb5"
			  "0f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de435e7207ed971ef3"
			  "d2726d9b5ef6affc6d17a0decbb13892",
		.icv = "f79a5e05f70e1630adb86135",
	},
	{
		"RFC 3686 §6 vector 1",
		{ ENCR_AES_CTR, 128, INTEG_HMAC_SHA1_96 },
		.encr_key = "ae6852f8121067cc4bf7a5765577f39e00000030",
		.integ_key = "0b*20",
		.iv = "0000000000000000",
		.text = "53696e676c6520626c6f636b206d7367",
		.sealed = "e4095d4fb7a7b3792d6175a3261311b8",
		.icv = "04c2766465c30e745f91f847",
	},
	{
		"RFC 3686 §6 vector 2",
		{ ENCR_AES_CTR, 128, INTEG_HMAC_SHA1_96 },
		.encr_key = "7e24067817fae0d743d6ce1f32539163006cb6db",
		.integ_key = "0b*20",
		.iv = "c0543b59da48d90b",
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		.sealed = "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28",
		.icv = "c77133a1f8edfb97edd5b9d6",
	},
	{
		"RFC 3686 §6 vector 3",
		{ ENCR_AES_CTR, 128, INTEG_HMAC_SHA1_96 },
		.encr_key = "7691be035e5020a8ac6e618529f9a0dc00e0017b",
		.integ_key = "0b*20",
		.iv = "27777f3f4a1786f0",
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
			"20212223",
		.sealed = "c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef31053"
			  "25b2072f",
		.icv = "01e121576be739d732f1581e",
	},
	{
		"RFC 3686 §6 vector 4",
		{ ENCR_AES_CTR, 192, INTEG_HMAC_SHA1_96 },
		.encr_key = "16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb7851500000048",
		.integ_key = "0b*20",
		.iv = "36733c147d6d93cb",
		.text = "53696e676c6520626c6f636b206d7367",
		.sealed = "4b55384fe259c9c84e7935a003cbe928",
		.icv = "dd82bfffe7af71c45e4eb7ae",
	},
	{
		"RFC 3686 §6 vector 5",
		{ ENCR_AES_CTR, 192, INTEG_HMAC_SHA1_96 },
		.encr_key = "7c5cb2401b3dc33c19e7340819e0f69c678c3db8e6f6a91a0096b03b",
		.integ_key = "0b*20",
		.iv = "020c6eadc2cb500d",
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		.sealed = "453243fc609b23327edfaafa7131cd9f8490701c5ad4a79cfc1fe0ff42f4fb00",
		.icv = "af7225051ac09d7ff9b328df",
	},
	{
		"RFC 3686 §6 vector 6",
		{ ENCR_AES_CTR, 192, INTEG_HMAC_SHA1_96 },
		.encr_key = "02bf391ee8ecb159b959617b0965279bf59b60a786d3e0fe0007bdfd",
		.integ_key = "0b*20",
		.iv = "5cbd60278dcc0912",
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
			"20212223",
		.sealed = "96893fc55e5c722f540b7dd1ddf7e758d288bc95c69165884536c811662f2188"
			  "abee0935",
		.icv = "00e2c4deb8ea7e7787233235",
	},
	{
		"RFC 3686 §6 vector 7",
		{ ENCR_AES_CTR, 256, INTEG_HMAC_SHA1_96 },
		.encr_key = "776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104"
			    "00000060",
		.integ_key = "0b*20",
		.iv = "db5672c97aa8f0b2",
		.text = "53696e676c6520626c6f636b206d7367",
		.sealed = "145ad01dbf824ec7560863dc71e3e0c0",
		.icv = "50bc9113d41123a85de7db52",
	},
	{
		"RFC 3686 §6 vector 8",
		{ ENCR_AES_CTR, 256, INTEG_HMAC_SHA1_96 },
		.encr_key = "f6d66d6bd52d59bb0796365879eff886c66dd51a5b6a99744b50590c87a23884"
			    "00faac24",
		.integ_key = "0b*20",
		.iv = "c1585ef15a43d875",
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		.sealed = "f05e231b3894612c49ee000b804eb2a9b8306b508f839d6a5530831d9344af1c",
		.icv = "fd0c629385ad42de3b088131",
	},
	{
		"RFC 3686 §6 vector 9",
		{ ENCR_AES_CTR, 256, INTEG_HMAC_SHA1_96 },
		.encr_key = "ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d"
			    "001cc5b7",
		.integ_key = "0b*20",
		.iv = "51a51d70a1c11148",
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
			"20212223",
		.sealed = "eb6c52821d0bbbf7ce7594462aca4faab407df866569fd07f48cc0b583d6071f"
			  "1ec0e6b8",
		.icv = "afd3d0576a9104434cd26639",
	},
	{
		"SP 800-67 §B.1",
		{ ENCR_3DES, 0, INTEG_HMAC_SHA1_96 },
		.encr_key = "0123456789abcdef23456789abcdef01456789abcdef0123",
		.integ_key = "0b*20",
		.iv = "0000000000000000",
		.text = "5468652071756663",
		.sealed = "a826fd8ce53b855f",
		.icv = "5717cac223e68455f62ed2b9",
	},
	{
		"RFC 4868 §2.7.2 AUTH256-1",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128 },
		.integ_key = "0b*32",
		.text = "'Hi There'",
		.sealed = "'Hi There'",
		.icv = "198a607eb44bfbc69903a0f1cf2bbdc5",
	},
	{
		"RFC 4868 §2.7.2 AUTH256-2",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128 },
		.integ_key = "'JefeJefeJefeJefeJefeJefeJefeJefe'",
		.text = "'what do ya want for nothing?'",
		.sealed = "'what do ya want for nothing?'",
		.icv = "167f928588c5cc2eef8e3093caa0e87c",
	},
	{
		"RFC 4868 §2.7.2 AUTH256-3",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128 },
		.integ_key = "aa*32",
		.text = "dd*50",
		.sealed = "dd*50",
		.icv = "cdcb1220d1ecccea91e53aba3092f962",
	},
	{
		"RFC 4868 §2.7.2 AUTH256-4",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128 },
		.integ_key = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
		.text = "cd*50",
		.sealed = "cd*50",
		.icv = "372efcf9b40b35c2115b1346903d2ef4",
	},
	{
		"RFC 4868 §2.7.2 AUTH384-1",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_384_192 },
		.integ_key = "0b*48",
		.text = "'Hi There'",
		.sealed = "'Hi There'",
		.icv = "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee973",
	},
	{
		"RFC 4868 §2.7.2 AUTH384-2",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_384_192 },
		.integ_key = "'JefeJefeJefeJefeJefeJefeJefeJefeJefeJefeJefeJefe'",
		.text = "'what do ya want for nothing?'",
		.sealed = "'what do ya want for nothing?'",
		.icv = "2c7353974f1842fd66d53c452ca42122b28c0b594cfb184d",
	},
	{
		"RFC 4868 §2.7.2 AUTH384-3",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_384_192 },
		.integ_key = "aa*48",
		.text = "dd*50",
		.sealed = "dd*50",
		.icv = "809f439be00274321d4a538652164b53554a508184a0c316",
	},
	{
		"RFC 4868 §2.7.2 AUTH384-4",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_384_192 },
		.integ_key = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
			     "0a0b0c0d0e0f10111213141516171819",
		.text = "cd*50",
		.sealed = "cd*50",
		.icv = "5b540085c6e6358096532b2493609ed1cb298f774f87bb5c",
	},
	{
		"RFC 4868 §2.7.2 AUTH512-1",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_512_256 },
		.integ_key = "0b*64",
		.text = "'Hi There'",
		.sealed = "'Hi There'",
		.icv = "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8",
	},
	{
		"RFC 4868 §2.7.2 AUTH512-2",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_512_256 },
		.integ_key = "'JefeJefeJefeJefeJefeJefeJefeJefeJefeJefeJefeJefeJefeJefeJefeJefe'",
		.text = "'what do ya want for nothing?'",
		.sealed = "'what do ya want for nothing?'",
		.icv = "cb370917ae8a7ce28cfd1d8f4705d6141c173b2a9362c15df235dfb251b15454",
	},
	{
		"RFC 4868 §2.7.2 AUTH512-3",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_512_256 },
		.integ_key = "aa*64",
		.text = "dd*50",
		.sealed = "dd*50",
		.icv = "2ee7acd783624ca9398710f3ee05ae41b9f9b0510c87e49e586cc9bf961733d8",
	},
	{
		"RFC 4868 §2.7.2 AUTH512-4",
		{ ENCR_NULL, 0, INTEG_HMAC_SHA2_512_256 },
		.integ_key = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
			     "2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40",
		.text = "cd*50",
		.sealed = "cd*50",
		.icv = "5e6688e5a3daec826ca32eaea224eff5e700628947470e13ad01302561bab108",
	},
	{
		"RFC 4494 §5 case 1",
		{ ENCR_NULL, 0, INTEG_AES_CMAC_96 },
		.integ_key = "2b7e151628aed2a6abf7158809cf4f3c",
		.icv = "bb1d6929e95937287fa37d12",
	},
	{
		"RFC 4494 §5 case 2",
		{ ENCR_NULL, 0, INTEG_AES_CMAC_96 },
		.integ_key = "2b7e151628aed2a6abf7158809cf4f3c",
		.text = "6bc1bee22e409f96e93d7e117393172a",
		.sealed = "6bc1bee22e409f96e93d7e117393172a",
		.icv = "070a16b46b4d4144f79bdd9d",
	},
	{
		"RFC 4494 §5 case 3",
		{ ENCR_NULL, 0, INTEG_AES_CMAC_96 },
		.integ_key = "2b7e151628aed2a6abf7158809cf4f3c",
		.text = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
			"30c81c46a35ce411",
		.sealed = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
			  "30c81c46a35ce411",
		.icv = "dfa66747de9ae63030ca3261",
	},
	{
		"RFC 4494 §5 case 4",
		{ ENCR_NULL, 0, INTEG_AES_CMAC_96 },
		.integ_key = "2b7e151628aed2a6abf7158809cf4f3c",
		.text = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
			"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
		.sealed = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
			  "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
		.icv = "51f0bebf7e3b9d92fc497417",
	},
	{
		"RFC 3566 §4.6",
		{ ENCR_NULL, 0, INTEG_AES_XCBC_96 },
		.integ_key = "000102030405060708090a0b0c0d0e0f",
		.icv = "75f0251d528ac01c4573dfd5",
	},
	{
		"RFC 3566 §4.6",
		{ ENCR_NULL, 0, INTEG_AES_XCBC_96 },
		.integ_key = "000102030405060708090a0b0c0d0e0f",
		.text = "000102",
		.sealed = "000102",
		.icv = "5b376580ae2f19afe7219cee",
	},
	{
		"RFC 3566 §4.6",
		{ ENCR_NULL, 0, INTEG_AES_XCBC_96 },
		.integ_key = "000102030405060708090a0b0c0d0e0f",
		.text = "000102030405060708090a0b0c0d0e0f",
		.sealed = "000102030405060708090a0b0c0d0e0f",
		.icv = "d2a246fa349b68a79998a439",
	},
	{
		"RFC 3566 §4.6",
		{ ENCR_NULL, 0, INTEG_AES_XCBC_96 },
		.integ_key = "000102030405060708090a0b0c0d0e0f",
		.text = "000102030405060708090a0b0c0d0e0f10111213",
		.sealed = "000102030405060708090a0b0c0d0e0f10111213",
		.icv = "47f51b4564966215b8985c63",
	},
	{
		"RFC 3566 §4.6",
		{ ENCR_NULL, 0, INTEG_AES_XCBC_96 },
		.integ_key = "000102030405060708090a0b0c0d0e0f",
		.text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
			"2021",
		.sealed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
			  "2021",
		.icv = "becbb3bccdb518a30677d548",
	},
};
