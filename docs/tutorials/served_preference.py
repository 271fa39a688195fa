"""
From two LoRA adapters to a served preference
=============================================

At the end you have a server that speaks OpenAI's interface. Behind it are one language model and two LoRA adapters of
it, and every request says how much of each it wants.

You need two adapters of the same model, in folders as PEFT writes them. So that everything here runs in seconds and
without a network, step 0 makes a very small model and two adapters of it. If you have your own, skip that step and
write their folders, or their names on the hub, wherever ``runs/tiny/...`` stands. Install
``rsoup_lightning[serve,text]`` and ``openai``.

0. Two adapters
---------------

The model knows 25 words. It has learnt to answer questions in two ways, politely or briefly, as chance will have it:
"""

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

DISHES = ["soup", "bread", "tea", "cake", "rice", "salad"]
TASTES = ["good", "fresh", "hot", "sweet", "soft", "green"]
WORDS = ["how", "is", "the", "?", "thank", "you", "for", "asking", ",", "it", "very", ".", "<end>", *DISHES, *TASTES]
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
WORD = {word: number for number, word in enumerate(WORDS)}


def questions():
    return [f"how is the {dish} ?" for dish in DISHES]


def answers(style):
    if style == "polite":
        return [f"thank you for asking , it is very {taste} . <end>" for taste in TASTES]
    return [f"{taste} . <end>" for taste in TASTES]


def train(model, styles, steps):
    """Teach it to answer as those styles do."""
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=1e-2)
    for _ in range(steps):
        for style in styles:
            for question, answer in zip(questions(), answers(style), strict=True):
                words = torch.tensor([[WORD[word] for word in f"{question} {answer}".split()]])
                model(input_ids=words, labels=words).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


torch.manual_seed(0)
inner = Tokenizer(models.WordLevel(WORD, unk_token="?"))
inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", pad_token="<end>")
tokenizer.chat_template = "{% for message in messages %}{{ message['content'] }} {% endfor %}"
tokenizer.save_pretrained("runs/tiny/base")
size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
base = LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), eos_token_id=WORD["<end>"], bos_token_id=None, **size))
train(base, ["polite", "brief"], steps=40).save_pretrained("runs/tiny/base")

for style in ("polite", "brief"):
    begun = LlamaForCausalLM.from_pretrained("runs/tiny/base")
    adapter = get_peft_model(begun, LoraConfig(r=4, target_modules=ATTENTION))
    train(adapter, [style], steps=10).save_pretrained(f"runs/tiny/{style}")

# %%
# 1. Try what is between
# ----------------------
#
# The two adapters make a *soup*: a policy for every mixture. Its coefficients λ say how much of each adapter is in it.

from rsoup_lightning import Soup

soup = Soup.from_adapters("runs/tiny/base", {"polite": "runs/tiny/polite", "brief": "runs/tiny/brief"})
for share in (0.0, 0.4, 1.0):
    said = soup.at(polite=share, brief=1 - share).generate(["how is the tea ?"] * 4, seed=[0, 1, 2, 3])
    print(f"λ of polite {share}", *said, sep="\n   ")

# %%
# 2. Measure it
# -------------
#
# How polite is each mixture, and how brief? Two functions say so, of questions and answers:


def polite(asked, answered):
    return [float(text.startswith("thank you")) for text in answered]


def brief(asked, answered):
    return [-float(len(text.split())) for text in answered]


# %%
# They become rewards, and ``SoupCallback`` plays nine mixtures and writes a *front*, as a run of the library has it.
# With a recipe, the command ``rsoup test`` does the same (:doc:`/howto/merge`).

from lightning import Trainer

from rsoup_lightning import Front, SoupCallback
from rsoup_lightning.modalities.data import Entry, PromptData
from rsoup_lightning.modalities.language import LanguageFineTuner
from rsoup_lightning.modalities.language.rewards import TextFunction


class Questions(PromptData):
    def entries(self, split):
        return [Entry(question) for question in questions() * 8]


rewards = {each: TextFunction(f"{__name__}:{each}", allow_empty_answers=True) for each in ("polite", "brief")}
model = LanguageFineTuner("runs/tiny/base", Questions(), rewards)
experts = {"polite": "runs/tiny/polite", "brief": "runs/tiny/brief"}
callback = SoupCallback(experts, grid=9, output="runs/tiny/front.json")
Trainer(accelerator="cpu", callbacks=[callback], logger=False, enable_progress_bar=False).test(model, verbose=False)
front = Front.load("runs/tiny")

import matplotlib.pyplot as plt

shares = [point["coefficients"]["polite"] for point in front.points]
for reward, label in (("polite", "share of polite answers"), ("brief", "minus the words of an answer, a tenth")):
    scale = 1 if reward == "polite" else 0.1
    plt.plot(shares, [scale * point["scores"][reward] for point in front.points], "o-", label=label)
plt.xlabel("λ of polite")
plt.legend()
plt.show()

# %%
# 3. Pick a mixture
# -----------------
#
# If you know what matters to you, and not which λ gives it, ask the front. This is a *preference*:

chosen = front.pick({"polite": 0.6, "brief": 0.4})
print(chosen.reason)

# %%
# 4. Merge
# --------
#
# One adapter for that λ, which PEFT loads as any other. Type what stands in quotes:

import subprocess

weights = " ".join(f"{chosen.coefficients[name]:.3f}" for name in ("polite", "brief"))
merge = f"rsoup merge --experts runs/tiny/polite runs/tiny/brief --coefficients {weights} --output runs/tiny/merged"
print(subprocess.run(merge.split(), check=True, capture_output=True, text=True).stdout)

# %%
# The table says what merging did to each layer. Adapters are averaged as what they add to the weights, exactly; the
# gap is how far off it would be to average their two factors. :doc:`/explanation/adapters` says why.
#
# 5. Serve
# --------
#
# To serve one mixture, any server of adapters will do. Ours serves all of them at once. It prints where it listens:

serve = "rsoup serve --base runs/tiny/base --experts polite=runs/tiny/polite brief=runs/tiny/brief --name tiny --port 0"
server = subprocess.Popen(serve.split(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
address = server.stdout.readline().split()[-1]

# %%
# Then it is asked by OpenAI's client. The name of the model says λ:

from openai import OpenAI

try:
    client = OpenAI(base_url=address, api_key="none")
    question = [{"role": "user", "content": "how is the tea ?"}]
    for model in ("tiny@polite=1", "tiny@brief=1", f"tiny@{weights.replace(' ', ',')}"):
        chat = client.chat.completions.create(model=model, messages=question, seed=0)
        print(f"{model:<18} {chat.choices[0].message.content:<40} {chat.rsoup['coefficients']}")
finally:
    server.terminate()
    server.wait()

# %%
# Each request may have its own λ, and all of them share one batch.
#
# Where to go next
# ----------------
#
# - :doc:`Serve a soup over HTTP </howto/serving>`: keys, limits, metrics, and other modalities.
# - :doc:`A soup inside vLLM </howto/vllm>`, where one machine is not enough.
# - :doc:`Merge experts you already have </howto/merge>`: other formats and other methods.
# - To train such adapters on rewards of your own, :doc:`train a language model </howto/language_models>`.
