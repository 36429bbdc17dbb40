// Calls three models by the types of openapi-typescript and the client openapi-fetch.
import createClient from "openapi-fetch";
import type { components, paths } from "./openapi_typescript";
import { equal, present, type Typed } from "./typed";

type Schemas = components["schemas"];
const typed: Typed<Schemas["Features-objects"]["person"]["address"]["number"]> &
  Typed<Schemas["Features-tensor"][number]> &
  Typed<Schemas["Prediction-objects"]["result"]["score"]> &
  Typed<Schemas["TaskStatus-tensor"]["result"]> &
  Typed<Schemas["Prediction-matches"]["result"]["outcome"]> = true;

async function main(url: string): Promise<void> {
  const client = createClient<paths>({ baseUrl: url });

  const body: Schemas["Predict-objects"] = {
    model: "objects",
    features: { person: { name: "Ann", address: { street: "Ring" } }, others: [] },
  };
  const waited = present((await client.POST("/predict/", { body })).data) as Schemas["Prediction-objects"];
  equal(waited.result.best.street, "Ring");
  const score: number | null = waited.result.score;
  equal(score, 0.5);

  const pixels: Schemas["Features-tensor"] = new Array<number>(868).fill(0.5);
  const submitted = await client.POST("/predict/async/", { body: { model: "tensor", features: pixels } });
  const path = { task_id: present(submitted.data).task_id };
  const polled = await client.GET("/monitoring/task_status/{task_id}", { params: { path, query: { wait: 30 } } });
  const status = present(polled.data) as Schemas["TaskStatus-tensor"];
  equal(status.status, "success");
  const scores: (number | null)[] = present(status.result);
  equal(scores.length, 10);

  const match = await client.POST("/predict/", { body: { model: "matches", match_id: 7 } });
  const { result } = present(match.data) as Schemas["Prediction-matches"];
  const outcome: "home" | "draw" | "away" | null = result.outcome;
  equal(outcome, "home");

  const refused = await client.POST("/predict/", { body: { model: "tensor", features: [1] } });
  equal(present(refused.error).errors?.[0]?.field, "features");
  equal(typed, true);
}

declare const process: { argv: string[]; exitCode: number };
main(present(process.argv[2])).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
