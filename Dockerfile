# The live page of a folder of runs, which is mounted at /runs:
#   docker build -t rsoup .
#   docker run -p 127.0.0.1:8080:8080 -v "$PWD/runs:/runs:ro" rsoup
# Whoever reaches the published port may see the page: publish it to this machine alone, as above, or put --token and one
# that nobody guesses after the image's name. Folders that a run's recipe names are mounted where it names them.
FROM python:3.11-slim

RUN apt-get update -q && apt-get install -yq --no-install-recommends libegl1 && rm -rf /var/lib/apt/lists/*
WORKDIR /rsoup
COPY . .
RUN pip install --no-cache-dir -c constraints.txt '.[mo,text,vision,diffusion,data,explore]' \
    && useradd --create-home rsoup
USER rsoup
WORKDIR /home/rsoup
EXPOSE 8080
ENTRYPOINT ["rsoup", "explore", "/runs", "--host", "0.0.0.0"]
CMD ["--no_auth"]
