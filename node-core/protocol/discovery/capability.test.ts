import { createHash } from 'node:crypto';
import { CID } from 'multiformats/cid';
import { describe, expect, it } from 'vitest';
import { Capability, capabilityKey, HardwareTier, hardwareTier, presenceTopic } from './capability.ts';

const template = 'bafyreicm2ab7u3zv6tw5yvhy37dtmi77k6afwfltg3sgock42csxgaorzm';
const model = 'bafyreihzmyyfyv7pjkiuffwpospo7lvuhv3jch5idnk3ofmmdvksk64yci';

/** With these, another client can check its own keys and topics. */
const vectors: { capability: Capability; canonical: string; key: string; topic: string }[] = [
  {
    capability: { kind: 'template', template },
    canonical: `{"kind":"template","template":"${template}"}`,
    key: 'bafkreihrmbrhk4hgovcp42jdx6jb7uqj645zukt3j7nwpc22pfncnum4di',
    topic: '/infernet/presence/1/f160627570e67544fe6923bf921fd209',
  },
  {
    capability: { kind: 'template-model', template, model },
    canonical: `{"kind":"template-model","model":"${model}","template":"${template}"}`,
    key: 'bafkreidiorjqqwdvwy2kolv23xctsdbvxchfzmuvcpa4ahypoby6grt5zq',
    topic: '/infernet/presence/1/687453085875b634a72ebaddc5390c35',
  },
  {
    capability: { kind: 'tier', tier: 'gpu-8g' },
    canonical: '{"kind":"tier","tier":"gpu-8g"}',
    key: 'bafkreia67mwuih5nf5aoojjkdlp7xc4wl3jwb7kkppe7njzwut2oxs5erq',
    topic: '/infernet/presence/1/1efb2d441fad2f40e7252a1adffb8b96',
  },
];

describe('capabilities', () => {
  it.each(vectors)('$capability.kind has its key and its topic', ({ capability, canonical, key, topic }) => {
    expect(capabilityKey(Capability.parse(capability))).toBe(key);
    expect(presenceTopic(capability)).toBe(topic);
    // Both follow from one hash, computed here without our code.
    const hash = createHash('sha256').update(canonical).digest('hex');
    expect(Buffer.from(CID.parse(key).multihash.digest).toString('hex')).toBe(hash);
    expect(topic).toBe(`/infernet/presence/1/${hash.slice(0, 32)}`);
  });

  it('put a computer into the tier that its largest GPU fills', () => {
    const GiB = 2 ** 30;
    // Drivers report a little less than the name says: a 24 GB card may have 23.6 GiB.
    const tiers = [0, 6, 7.6, 12, 15.9, 23.6, 24, 40, 47.5, 80].map((gib) => hardwareTier(gib * GiB));
    expect(tiers).toEqual([
      'cpu',
      'cpu',
      'gpu-8g',
      'gpu-8g',
      'gpu-16g',
      'gpu-24g',
      'gpu-24g',
      'gpu-24g',
      'gpu-48g',
      'gpu-48g',
    ]);
    for (const tier of tiers) expect(HardwareTier.safeParse(tier).success).toBe(true);
  });
});
