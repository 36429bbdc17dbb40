// Calls three models by the client that hey-api's generator makes.
import { predict, predictAsync, taskStatus } from "./hey_api_client";
import { client } from "./hey_api_client/client.gen";
import type * as api from "./hey_api_client";
import { equal, present, type Typed } from "./typed";

const typed: Typed<api.FeaturesObjects["person"]["address"]["number"]> &
  Typed<api.FeaturesTensor[number]> &
  Typed<api.PredictionObjects["result"]["score"]> &
  Typed<api.TaskStatusTensor["result"]> &
  Typed<api.PredictionMatches["result"]["outcome"]> = true;

async function main(url: string): Promise<void> {
  client.setConfig({ baseUrl: url });

  const body: api.PredictObjects = {
    model: "objects",
    features: { person: { name: "Ann", address: { street: "Ring" } }, others: [] },
  };
  const waited = present((await predict({ body })).data) as api.PredictionObjects;
  equal(waited.result.best.street, "Ring");
  const score: number | null = waited.result.score;
  equal(score, 0.5);

  const pixels: api.FeaturesTensor = new Array<number>(868).fill(0.5);
  const submitted = await predictAsync({ body: { model: "tensor", features: pixels } });
  const path = { task_id: present(submitted.data).task_id };
  const status = present((await taskStatus({ path, query: { wait: 30 } })).data) as api.TaskStatusTensor;
  equal(status.status, "success");
  const scores: (number | null)[] = present(status.result);
  equal(scores.length, 10);

  const match = await predict({ body: { model: "matches", match_id: 7 } });
  const { result } = present(match.data) as api.PredictionMatches;
  const outcome: "home" | "draw" | "away" | null = result.outcome;
  equal(outcome, "home");

  const refused = await predict({ body: { model: "tensor", features: [1] } });
  equal(present(refused.error).errors?.[0]?.field, "features");
  equal(typed, true);
}

declare const process: { argv: string[]; exitCode: number };
main(present(process.argv[2])).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
