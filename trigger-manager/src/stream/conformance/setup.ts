import type { StreamBroker } from "../broker.ts";

export interface Publication {
  readonly partition: number;
  readonly key?: string | undefined;
  /** Text of the value. */
  readonly value: string;
}

/** What not every implementation has. */
export interface Abilities {
  /** A server of its own that can be killed. */
  readonly restarts: boolean;
  /** Members of one group may read different topics. */
  readonly sharesGroups: boolean;
}

/** A broker that tests may do anything to. Topics are named by the suite. */
export interface StreamUnderTest {
  readonly broker: StreamBroker;
  /** Another client of it, as another replica has. */
  open(): StreamBroker;
  makeTopic(topic: string, partitions: number): Promise<void>;
  deleteTopic(topic: string): Promise<void>;
  addPartitions(topic: string, partitions: number): Promise<void>;
  /** In the order given, partition by partition. */
  publish(topic: string, records: readonly Publication[]): Promise<void>;
  /** Removes what lies before this offset, as retention does. */
  dropBefore(topic: string, partition: number, offset: number): Promise<void>;
  /** Makes a topic with one partition of keyed records, `count` of which are left with holes between them. */
  makeHoles(topic: string, count: number): Promise<void>;
  /** What the group has committed, by partition; undefined where it has not. */
  committed(place: {
    readonly group: string;
    readonly topic: string;
  }): Promise<readonly (number | undefined)[]>;
  /** Forgets the group with its positions, as a broker does with one that was empty for long. */
  forgetGroup(place: { readonly group: string; readonly topic: string }): Promise<void>;
  /** Ends the broker as if by `kill -9`, and starts it again with its data. */
  readonly restart?: (() => Promise<void>) | undefined;
  /** What a process of its own needs to reach it. */
  readonly address: Readonly<Record<string, string>>;
}
